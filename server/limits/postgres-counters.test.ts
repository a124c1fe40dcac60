import { expect, test, vi } from 'vitest';
import { createRuntime } from '../runtime.ts';
import { openPostgresCounters } from './postgres-counters.ts';
import { openTestPool, postgresProblem } from './testing/places.ts';

if (postgresProblem !== null) process.stderr.write(`Skipped: the table: ${postgresProblem}.\n`);

const hourMs = 3_600_000;

test.skipIf(postgresProblem !== null)(
  'what has been over for an hour is deleted every few minutes, until it is closed',
  async () => {
    await using database = await openTestPool();
    const runtime = createRuntime();
    const everyMs: number[] = [];
    const every = (intervalMs: number, work: () => void) => {
      everyMs.push(intervalMs);
      return runtime.every(10, work);
    };
    const counters = openPostgresCounters(database.pool, { ...runtime, every });
    const insert = 'INSERT INTO rate_limits (key, points, expire) VALUES ($1, 1, $2)';
    for (const [key, agoMs] of Object.entries({ old: hourMs + 9_000, young: hourMs - 600_000 })) {
      await database.pool.query(insert, [key, runtime.now() - agoMs]);
    }
    const listKeys = async () => {
      const { rows } = await database.pool.query<{ key: string }>('SELECT key FROM rate_limits');
      return rows.map(({ key }) => key);
    };
    await vi.waitFor(async () => expect(await listKeys()).toEqual(['young']), { timeout: 15_000 });
    expect(everyMs).toEqual([300_000]);
    counters.close();
  },
);
