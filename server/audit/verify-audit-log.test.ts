import { expect, test } from 'vitest';
import { createRuntime } from '../runtime.ts';
import { openDatabase } from '../store/sqlite/open-database.ts';
import { createSqliteStore } from '../store/sqlite/sqlite-store.ts';
import { createTestClock } from '../testing/clock.ts';
import { createAuditChain } from './audit-chain.ts';
import { createAuditEvent } from './audit-event.ts';
import { verifyAuditLog } from './verify-audit-log.ts';

const actor = { userId: null, sessionId: null, ip: '192.0.2.1', userAgent: 'é "quoted"' };

/** A log of twelve events, an hour apart, and the database beneath it. */
async function createLog() {
  const clock = createTestClock();
  const runtime = createRuntime(clock.now);
  const key = runtime.randomBytes(32);
  const chain = createAuditChain(key);
  const { database } = await openDatabase(':memory:', runtime);
  const store = createSqliteStore(database, runtime, chain);
  for (let count = 0; count < 12; count += 1) {
    const event = createAuditEvent(runtime, 'sign_in.failed', { actor, detail: { count } });
    await store.recordAuditEvent(event);
    clock.advance(3_600);
  }
  return {
    clock,
    store,
    database,
    verify: (by = chain) => verifyAuditLog(store, by),
    [Symbol.asyncDispose]: () => store.close(),
  };
}

test('a log that nobody touched is in order', async () => {
  await using log = await createLog();
  expect(await log.verify()).toEqual({
    verified: 12,
    head: { sequence: 12, hash: expect.stringMatching(/^[\w-]{43}$/) },
    problem: null,
  });
});

test('an empty log is in order', async () => {
  const runtime = createRuntime();
  const chain = createAuditChain(runtime.randomBytes(32));
  const { database } = await openDatabase(':memory:', runtime);
  const store = createSqliteStore(database, runtime, chain);
  expect(await verifyAuditLog(store, chain)).toEqual({ verified: 0, head: null, problem: null });
  await store.close();
});

test.each([
  ['a removed event', 'DELETE FROM audit_events WHERE sequence = 5', 'Event 5 was removed'],
  ['the oldest removed', 'DELETE FROM audit_events WHERE sequence = 1', 'Event 1 was removed'],
  ['the newest removed', 'DELETE FROM audit_events WHERE sequence > 10', 'The events after 10'],
  ['all removed', 'DELETE FROM audit_events', 'The events after 0'],
  ['another type', "UPDATE audit_events SET type = 'user.updated' WHERE sequence = 3", 'Event 3'],
  ['another time', 'UPDATE audit_events SET at = at + 1 WHERE sequence = 3', 'Event 3'],
  ['another address', "UPDATE audit_events SET ip = '192.0.2.2' WHERE sequence = 12", 'Event 12'],
  [
    'another detail',
    'UPDATE audit_events SET detail = \'{"count":99}\' WHERE sequence = 7',
    'Event 7',
  ],
  [
    'two exchanged',
    'UPDATE audit_events SET sequence = CASE sequence WHEN 4 THEN -5 WHEN 5 THEN -4 ELSE sequence END; UPDATE audit_events SET sequence = abs(sequence)',
    'Event 4',
  ],
  ['a head set back', 'UPDATE audit_head SET sequence = 11', 'The head of the log was changed'],
  [
    'a cut that nobody made',
    'DELETE FROM audit_events WHERE sequence < 3; UPDATE audit_head SET cut_sequence = 2',
    'The head of the log was changed',
  ],
  ['the head removed', 'DELETE FROM audit_head', 'the head of the log is gone'],
])('%s is found', async (_what, tampering, problem) => {
  await using log = await createLog();
  log.database.exec(tampering);
  expect(await log.verify()).toMatchObject({ problem: expect.stringContaining(problem) });
});

test('with another secret nothing is in order', async () => {
  await using log = await createLog();
  const other = createAuditChain(createRuntime().randomBytes(32));
  expect(await log.verify(other)).toMatchObject({ verified: 0, problem: expect.any(String) });
});

test('what retention takes out is not missed, and what it left is still tied together', async () => {
  await using log = await createLog();
  const before = log.clock.now() - 8 * 3_600_000;
  expect(await log.store.pruneAuditEvents({ before, limit: 3 })).toBe(3);
  expect(await log.store.pruneAuditEvents({ before, limit: 100 })).toBe(1);
  expect(await log.store.pruneAuditEvents({ before, limit: 100 })).toBe(0);
  expect(await log.verify()).toMatchObject({ verified: 8, problem: null });
  log.database.exec('DELETE FROM audit_events WHERE sequence = 5');
  expect(await log.verify()).toMatchObject({ problem: 'Event 5 was removed.' });
});

test('a log that was taken out whole goes on', async () => {
  await using log = await createLog();
  expect(await log.store.pruneAuditEvents({ before: log.clock.now() + 1, limit: 100 })).toBe(12);
  expect(await log.verify()).toMatchObject({ verified: 0, problem: null });
  const runtime = createRuntime(log.clock.now);
  await log.store.recordAuditEvent(createAuditEvent(runtime, 'sign_in.failed', { actor }));
  expect(await log.verify()).toMatchObject({ verified: 1, head: { sequence: 13 }, problem: null });
});
