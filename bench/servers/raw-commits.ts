import Database from 'better-sqlite3';
import { reportReady } from './child.ts';

// Guarded updates in autocommit, one after the other, by better-sqlite3 alone: on the file, the
// table and with the durability of Latchkey, on sessions that nobody refreshes meanwhile.
const [, , path = '', sessionCount = '1'] = process.argv;
const database = new Database(path, { timeout: 1_000 });
database.pragma('synchronous = FULL');

const rows = database
  .prepare<[number], { id: string; counter: number }>(
    'SELECT id, counter FROM sessions ORDER BY id DESC LIMIT ?',
  )
  .all(Number(sessionCount));
const rotate = database.prepare<{ id: string; counter: number; now: number }>(`
  UPDATE sessions
  SET counter = counter + 1, rotated_at = :now, last_seen_at = :now,
    idle_expires_at = min(expires_at, :now + idle_ttl_ms)
  WHERE id = :id AND counter = :counter AND revoked_at IS NULL
    AND expires_at > :now AND idle_expires_at > :now`);

reportReady(null, (operations) => {
  for (let done = 0; done < operations; done += 1) {
    const row = rows[done % rows.length];
    if (!row || rotate.run({ ...row, now: Date.now() }).changes !== 1) {
      throw new Error('A guarded update found no row.');
    }
    row.counter += 1;
  }
});
