import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { Runtime } from '../runtime.ts';
import type { CreateUserOutcome, RotateOutcome, Store } from '../store/store.ts';
import { watchStore } from '../store/watch-store.ts';
import { countResults } from './count-results.ts';
import type { MetricRegistry } from './registry.ts';

/** From one page that is in memory to a lock that is waited for, in seconds. */
const buckets = [0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];

const refreshResults = [
  'rotated',
  'repeated',
  'reused',
  'revoked',
  'expired',
  'unknown',
] as const satisfies readonly RotateOutcome['kind'][];
const registrationResults = [
  'created',
  'email_taken',
  'username_taken',
] as const satisfies readonly CreateUserOutcome[];
const signInResults = ['succeeded', 'failed'] as const;
const lookupResults = ['hit', 'miss'] as const;

/**
 * Measures what is asked of the store, and counts what it decides: sign-ins, registrations and
 * refreshes end there, whoever serves the procedures and under whatever paths.
 */
export function createStoreMeter(
  registry: MetricRegistry,
  runtime: Pick<Runtime, 'elapsed'>,
): (store: Store) => Store {
  const durations = registry.histogram(
    'latchkey_store_operation_duration_seconds',
    'How long the store took for an operation.',
    { labels: ['operation'], buckets },
  );
  const errors = registry.counter(
    'latchkey_store_errors_total',
    'Operations that the store did not do: overloaded when it cannot answer now, internal for anything unexpected.',
    { labels: ['operation', 'reason'] },
  );
  const signIns = countResults(registry, signInResults, [
    'latchkey_sign_ins_total',
    'Sign-ins whose password was checked.',
  ]);
  const registrations = countResults(registry, registrationResults, [
    'latchkey_registrations_total',
    'Registrations that got as far as the store.',
  ]);
  const refreshes = countResults(registry, refreshResults, [
    'latchkey_refreshes_total',
    'Refreshes with a token of this server by what the store decided.',
  ]);
  const lookups = countResults(registry, lookupResults, [
    'latchkey_session_cache_lookups_total',
    'Lookups of a session in memory; after a miss the store is asked.',
  ]);
  const durationOf = new Map<string, { observe(seconds: number): void }>();

  async function measure<T>(operation: string, run: () => Promise<T>): Promise<T> {
    let duration = durationOf.get(operation);
    if (!duration) durationOf.set(operation, (duration = durations.labels({ operation })));
    const startedAt = runtime.elapsed();
    try {
      return await run();
    } catch (error) {
      const reason = error instanceof LatchkeyError ? error.reason : 'internal';
      errors.inc({ operation, reason });
      throw error;
    } finally {
      duration.observe((runtime.elapsed() - startedAt) / 1_000);
    }
  }

  return (store) => {
    const measured = watchStore(store, measure);
    return {
      ...measured,
      async createUser(command) {
        const outcome = await measured.createUser(command);
        // Without a session it is an account that somebody else made.
        if (command.session && outcome !== 'admin_exists') registrations[outcome]();
        return outcome;
      },
      async startSession(command) {
        const user = await measured.startSession(command);
        if (user) signIns.succeeded();
        return user;
      },
      async recordAuditEvent(event) {
        if (event.type === 'sign_in.failed') signIns.failed();
        await measured.recordAuditEvent(event);
      },
      async rotateSession(command) {
        const outcome = await measured.rotateSession(command);
        refreshes[outcome.kind]();
        return outcome;
      },
      recallSession(sessionId) {
        const found = store.recallSession(sessionId);
        lookups[found ? 'hit' : 'miss']();
        return found;
      },
    };
  };
}
