import cluster from 'node:cluster';
import { RateLimiterCluster, RateLimiterClusterMaster } from 'rate-limiter-flexible';
import { toCounter, type CreateCounter } from './counter.ts';

/** Tells a worker of node:cluster that its primary counts; another's primary, such as pm2's, does not. */
const servedBy = 'LATCHKEY_LIMITS_OF_PRIMARY';

/**
 * Counts for all workers of this process, which is the primary of node:cluster.
 *
 * @returns what the environment of each worker needs: `cluster.fork(serveClusterLimits())`
 */
export function serveClusterLimits(): Readonly<Record<string, string>> {
  startCounting();
  cluster.on('fork', (worker) => {
    // A worker that ends before it is answered is none that the others should end for.
    worker.on('error', () => {});
  });
  return { [servedBy]: String(process.pid) };
}

/** The library counts from then on that this is made, once in a process. */
function startCounting(): RateLimiterClusterMaster {
  return new RateLimiterClusterMaster();
}

/** Whether this is a worker whose primary counts. */
export function isServedByPrimary(
  variables: Readonly<Record<string, string | undefined>>,
): boolean {
  return cluster.isWorker && variables[servedBy] === String(process.ppid);
}

/** Counters in the primary, asked by messages. */
export const createClusterCounter: CreateCounter = ({ name, calls, seconds }) => {
  const counter = toCounter(
    new RateLimiterCluster({
      keyPrefix: name,
      points: calls,
      duration: seconds,
      // Whoever asks gives up before.
      timeoutMs: 10_000,
    }),
  );
  /** A message that cannot be sent is an error of the process, which nobody could catch. */
  function assertConnected(): void {
    if (!process.connected) throw new Error('The primary process is gone.');
  }
  return {
    async consume(key, forSeconds) {
      assertConnected();
      return counter.consume(key, forSeconds);
    },
    async add(key, added) {
      assertConnected();
      await counter.add(key, added);
    },
    async read(key) {
      assertConnected();
      return counter.read(key);
    },
    async remove(key) {
      assertConnected();
      await counter.remove(key);
    },
  };
};
