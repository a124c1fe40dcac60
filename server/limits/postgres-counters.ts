import { RateLimiterPostgres } from 'rate-limiter-flexible';
import type { Runtime } from '../runtime.ts';
import { toCounter, type CreateCounter } from './counter.ts';

/** As much of the store's pool as counting needs. */
export interface Pool {
  query(
    query: string | { readonly text: string; readonly values?: unknown[] },
  ): Promise<{ readonly rows: readonly unknown[]; readonly rowCount: number | null }>;
}

/** A migration makes it. */
const tableName = 'rate_limits';
const pruneEveryMs = 300_000;
/** What is over is kept so long, because the clocks of the machines may differ. */
const keptMs = 3_600_000;

/** Counters in a table of the store's database. */
export function openPostgresCounters(
  pool: Pool,
  runtime: Runtime,
): { readonly createCounter: CreateCounter; close(): void } {
  const stopPruning = runtime.every(pruneEveryMs, () => {
    const before = runtime.now() - keptMs;
    // That it stays until the next time does no harm.
    const text = `DELETE FROM ${tableName} WHERE expire < $1`;
    pool.query({ text, values: [before] }).catch(() => {});
  });
  return {
    createCounter: ({ name, calls, seconds }) =>
      toCounter(
        new RateLimiterPostgres({
          storeClient: pool,
          storeType: 'pool',
          tableName,
          tableCreated: true,
          // For each limiter of each process, by a timer that nothing stops.
          clearExpiredByTimeout: false,
          keyPrefix: name,
          points: calls,
          duration: seconds,
        }),
      ),
    close: stopPruning,
  };
}
