import { expect, test } from 'vitest';
import { createAuditChain } from '../audit/audit-chain.ts';
import { createRuntime, type Runtime } from '../runtime.ts';
import { prunedAtOnce, startPruning } from './prune.ts';
import { openDatabase } from './sqlite/open-database.ts';
import { createSqliteStore } from './sqlite/sqlite-store.ts';
import { addSession, addUser, dayMs, newEvent, startedAt } from './testing/store-scene.ts';

const kept = { sessionsMs: dayMs, auditEventsMs: dayMs, signingKeysMs: dayMs };

/** Time that passes when it is waited for, and a minute when it is told to. */
function createPruningRuntime() {
  let now = startedAt;
  let tick = () => {};
  let pauses = 0;
  const runtime: Runtime = {
    ...createRuntime(() => now),
    async delay() {
      pauses += 1;
    },
    every(_intervalMs, work) {
      tick = work;
      return () => {};
    },
  };
  return {
    runtime,
    pauses: () => pauses,
    passTo: (time: number) => {
      now = time;
      tick();
    },
  };
}

async function openStore(runtime: Runtime) {
  const { database } = await openDatabase(':memory:', runtime);
  const chain = createAuditChain(runtime.randomBytes(32));
  const store = createSqliteStore(database, runtime, chain);
  const rowsOf = (table: 'sessions' | 'audit_events') =>
    database.prepare<[], number>(`SELECT count(*) FROM ${table}`).pluck().get();
  return { store, rowsOf, [Symbol.asyncDispose]: () => store.close() };
}

test('whatever is older goes, in bites with a pause behind each, and what is not stays', async () => {
  const time = createPruningRuntime();
  await using s = await openStore(time.runtime);
  const user = await addUser(s.store);
  const ended = { expiresAt: startedAt + 1, idleExpiresAt: startedAt + 1 };
  for (let n = 0; n < 2 * prunedAtOnce + 3; n += 1) await addSession(s.store, user, ended);
  const live = await addSession(s.store, user, { expiresAt: startedAt + 9 * dayMs });
  const latest = newEvent({ at: startedAt + 2 * dayMs });
  await s.store.recordAuditEvent(latest);
  const failures: unknown[] = [];
  startPruning(s.store, time.runtime, { kept, onError: (error) => failures.push(error) });

  time.passTo(startedAt + dayMs);
  await expect.poll(() => s.rowsOf('sessions')).toBe(2 * prunedAtOnce + 4);
  // A minute in which the last pruning is still under way does nothing.
  await expect
    .poll(() => {
      time.passTo(startedAt + 2 * dayMs);
      return s.rowsOf('audit_events');
    })
    .toBe(1);
  expect(s.rowsOf('sessions')).toBe(1);
  expect(await s.store.findSession(live.id)).not.toBeNull();
  expect(await s.store.listAuditEvents({ limit: 9 })).toEqual([latest]);
  expect(time.pauses()).toBe(4);
  expect(failures).toEqual([]);
});

test('it stops between two bites', async () => {
  const time = createPruningRuntime();
  await using s = await openStore(time.runtime);
  const user = await addUser(s.store);
  const ended = { expiresAt: startedAt + 1, idleExpiresAt: startedAt + 1 };
  for (let n = 0; n < 2 * prunedAtOnce; n += 1) await addSession(s.store, user, ended);
  const stop = startPruning(
    s.store,
    { ...time.runtime, delay: async () => stop() },
    {
      kept,
      onError: () => expect.unreachable(),
    },
  );
  time.passTo(startedAt + 2 * dayMs);
  await expect.poll(() => s.rowsOf('sessions')).toBe(prunedAtOnce);
  await s.store.ping();
  expect(s.rowsOf('sessions')).toBe(prunedAtOnce);
});
