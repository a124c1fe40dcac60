import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { Runtime } from '../runtime.ts';
import type { Metrics } from './metrics.ts';
import type { MetricRegistry } from './registry.ts';

/** A hash of cost 12 takes a quarter of a second; in seconds. */
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5];

/** Measures the queue of password hashes. */
export function createPasswordMeter(
  registry: MetricRegistry,
  runtime: Pick<Runtime, 'elapsed'>,
): Pick<Metrics, 'measureHash' | 'watchHasher'> {
  const durations = registry.histogram(
    'latchkey_password_hash_duration_seconds',
    'How long it took to compute or to verify a password hash, without its wait in the queue.',
    { buckets },
  );
  const rejected = registry.counter(
    'latchkey_password_hashes_rejected_total',
    'Calls turned away because too many password hashes were waiting.',
  );

  async function countRejected<T>(hashing: Promise<T>): Promise<T> {
    try {
      return await hashing;
    } catch (error) {
      if (error instanceof LatchkeyError && error.reason === 'overloaded') rejected.inc();
      throw error;
    }
  }

  return {
    async measureHash(work) {
      const startedAt = runtime.elapsed();
      try {
        return await work();
      } finally {
        durations.observe((runtime.elapsed() - startedAt) / 1_000);
      }
    },
    watchHasher(hasher) {
      registry.gauge(
        'latchkey_password_hashes_running',
        'Password hashes under way.',
        () => hasher.load().running,
      );
      registry.gauge(
        'latchkey_password_hashes_waiting',
        'Password hashes that wait for their turn.',
        () => hasher.load().waiting,
      );
      return {
        ...hasher,
        hash: (password) => countRejected(hasher.hash(password)),
        verify: (password, storedHash) => countRejected(hasher.verify(password, storedHash)),
        // Whoever asks turns the call away if there is one.
        findShortage() {
          const shortage = hasher.findShortage();
          if (shortage) rejected.inc();
          return shortage;
        },
      };
    },
  };
}
