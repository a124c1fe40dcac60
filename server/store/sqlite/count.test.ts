import { expect, test } from 'vitest';
import { createAuditChain } from '../../audit/audit-chain.ts';
import { createRuntime } from '../../runtime.ts';
import { addSession, addUser, newEvent, startedAt } from '../testing/store-scene.ts';
import { openDatabase } from './open-database.ts';
import { createSqliteStore } from './sqlite-store.ts';

test('what is more than a bite is counted whole, and everything else has its turns meanwhile', async () => {
  const runtime = createRuntime();
  const { database } = await openDatabase(':memory:', runtime);
  await using stack = new AsyncDisposableStack();
  const store = createSqliteStore(database, runtime, createAuditChain(runtime.randomBytes(32)));
  stack.defer(() => store.close());
  await addSession(store, await addUser(store));
  await store.recordAuditEvent(newEvent({ type: 'x' }));
  // Rows like those, of which the counts know no more.
  const copies = 5_000;
  const copy = `WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ${copies})`;
  database.exec(`
    CREATE TEMP TABLE one AS SELECT * FROM sessions;
    ${copy} INSERT INTO sessions SELECT id || n, user_id, counter, sealed_token_key, created_at,
      last_seen_at, rotated_at, expires_at, idle_expires_at, idle_ttl_ms, revoked_at, ip, user_agent
      FROM one, n;
    CREATE TEMP TABLE event AS SELECT * FROM audit_events WHERE type = 'x';
    ${copy} INSERT INTO audit_events SELECT sequence + n, hash, id || printf('%05d', n), at, type,
      actor_id, user_id, session_id, ip, user_agent, detail FROM event, n;
    DELETE FROM sessions WHERE rowid BETWEEN 1000 AND 3999;`);
  const steps = { since: startedAt - 1, stepMs: 1, count: 1 };
  const turns = { taken: 0, isOver: false };
  function takeTurn(): void {
    turns.taken += 1;
    if (!turns.isOver) setImmediate(takeTurn);
  }
  setImmediate(takeTurn);
  expect(await store.countSessions(steps)).toEqual({ live: 2_001, started: [2_001], ended: [0] });
  expect(await store.countEvents({ ...steps, types: ['x'] })).toEqual([5_001]);
  turns.isOver = true;
  // Three bites of sessions and six of events.
  expect(turns.taken).toBeGreaterThanOrEqual(9);
});
