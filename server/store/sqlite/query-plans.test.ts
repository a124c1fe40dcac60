import type Database from 'better-sqlite3';
import { expect, test, vi } from 'vitest';
import { createAuditChain } from '../../audit/audit-chain.ts';
import { createRuntime } from '../../runtime.ts';
import { addSession, addUser, later, newEvent } from '../testing/store-scene.ts';
import { openDatabase } from './open-database.ts';
import { createSqliteStore } from './sqlite-store.ts';

// A million users and ten million sessions: whoever reads a whole table, or sorts what was
// found, holds up everybody. SQLite is asked how it goes about each statement of the store.

test('events of a user and of a type are looked for among the user’s, which are fewer', async () => {
  const runtime = createRuntime();
  const { database } = await openDatabase(':memory:', runtime);
  const store = createSqliteStore(database, runtime, createAuditChain(runtime.randomBytes(32)));
  const prepare = vi.spyOn(database, 'prepare');
  await store.listAuditEvents({ userId: 'x', type: 'x', limit: 9 });
  const [statement = ''] = prepare.mock.calls[0] ?? [];
  expect(planOf(database, statement)).toEqual([
    'SEARCH audit_events USING INDEX audit_events_by_user (user_id=?)',
  ]);
  await store.close();
});

test('users are counted in an index, and sessions and events so many at once', async () => {
  const runtime = createRuntime();
  const { database } = await openDatabase(':memory:', runtime);
  const store = createSqliteStore(database, runtime, createAuditChain(runtime.randomBytes(32)));
  await addSession(store, await addUser(store));
  const prepare = vi.spyOn(database, 'prepare');
  const lately = { since: 0, stepMs: later, count: 1 };
  await store.countUsers();
  await store.countSessions(lately);
  await store.countEvents({ ...lately, types: ['x'] });
  const plans = prepare.mock.calls.map(([statement]) => planOf(database, statement));
  const ends = (table: string) => [
    'SCAN CONSTANT ROW',
    'SCALAR SUBQUERY 1',
    `SEARCH ${table}`,
    'SCALAR SUBQUERY 2',
    `SEARCH ${table}`,
  ];
  expect(plans).toEqual(
    expect.arrayContaining([
      ends('users'),
      ['SEARCH users USING COVERING INDEX users_status (status=? AND rowid>? AND rowid<?)'],
      ends('sessions'),
      ['SEARCH sessions USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)'],
      ['SEARCH audit_events USING INDEX audit_events_by_type (type=? AND id>?)'],
    ]),
  );
  expect(plans).toHaveLength(5);
  await store.close();
});

test('no statement of the store reads a table from end to end, or sorts', async () => {
  const runtime = createRuntime();
  const { database } = await openDatabase(':memory:', runtime);
  const prepare = vi.spyOn(database, 'prepare');
  const store = createSqliteStore(database, runtime, createAuditChain(runtime.randomBytes(32)));
  // No name that the digits of an id may spell.
  const user = await addUser(store, { name: 'Yuki' });
  const session = await addSession(store, user);
  // Behind the first bite the index of texts is asked.
  for (let other = 0; other < 1_100; other += 1) await addUser(store);
  const page = { limit: 9 };
  for (const cursor of [undefined, user.id]) {
    for (const search of [undefined, 'yu', 'yuk']) {
      await store.listUsers({ ...page, search, cursor });
      await store.listUsers({ ...page, search, cursor, role: 'user' });
      await store.listUsers({ ...page, search, cursor, status: 'active' });
      await store.listUsers({ ...page, search, cursor, role: 'user', status: 'active' });
    }
    await store.listAuditEvents({ ...page, cursor });
    await store.listAuditEvents({ ...page, cursor, userId: user.id });
    await store.listAuditEvents({ ...page, cursor, type: 'x' });
    await store.listAuditEvents({ ...page, cursor, userId: user.id, type: 'x' });
  }
  await store.listSessions(user.id, later);
  await store.listAddresses(user.id);
  await store.listAuditLinks({ ...page, after: 0 });
  await store.countUsers();
  const lately = { since: 0, stepMs: later, count: 1 };
  await store.countSessions(lately);
  await store.countEvents({ ...lately, types: ['x'] });
  const change = { userId: user.id, at: later, event: newEvent() };
  for (const which of [
    { sessionId: session.id },
    { userId: user.id },
    { userId: user.id, exceptSessionId: session.id },
  ]) {
    await store.revokeSessions({ which, at: later, event: () => newEvent() });
  }
  await store.updateProfile({ ...change, name: 'Grace' });
  await store.setStatus({ ...change, event: newEvent(), status: 'disabled' });
  await store.pruneSessions({ ...page, before: later });
  await store.pruneAuditEvents({ ...page, before: Number.MAX_SAFE_INTEGER });
  await store.deleteUser({ ...change, event: newEvent(), passwordHash: 'hash' });

  const statements = new Set(prepare.mock.calls.map(([statement]) => statement));
  const steps = new Set([...statements].flatMap((statement) => planOf(database, statement)));
  const slow = [...steps].filter((step) => /^SCAN|TEMP B-TREE/.test(step)).toSorted();
  expect(slow).toEqual([
    // The first and the last number of a table, each looked for at its end.
    'SCAN CONSTANT ROW',
    // The oldest events and the newest, as many as a page has.
    'SCAN audit_events',
    'SCAN audit_events USING INDEX audit_events_by_id',
    // It has one row.
    'SCAN audit_head',
    // The numbers that the index of trigrams has named.
    'SCAN json_each VIRTUAL TABLE INDEX 1:',
    // By the trigrams of a text, below a number.
    'SCAN users_search VIRTUAL TABLE INDEX 192:M1<',
  ]);
  await store.close();
});

function planOf(database: Database.Database, statement: string): readonly string[] {
  if (!/^(select|update|delete)/i.test(statement)) return [];
  const holes = statement.split('?').length - 1;
  return database
    .prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${statement}`)
    .all(...Array<null>(holes).fill(null))
    .map(({ detail }) => detail);
}
