import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turnOfEventLoop } from 'node:timers/promises';
import type Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { createAuditChain } from '../../audit/audit-chain.ts';
import { createRuntime } from '../../runtime.ts';
import { describeStore } from '../testing/store-contract.ts';
import { addUser, newEvent, type StoreUnderTest } from '../testing/store-scene.ts';
import { openDatabase } from './open-database.ts';
import { createSqliteStore } from './sqlite-store.ts';

const runtime = createRuntime();
const auditChain = createAuditChain(runtime.randomBytes(32));

/** One file, opened twice. */
interface Scene extends StoreUnderTest {
  readonly database: Database.Database;
  readonly otherDatabase: Database.Database;
}

describeStore('SQLite in memory', async () => {
  const { database } = await openDatabase(':memory:', runtime);
  const store = createSqliteStore(database, runtime, auditChain);
  return { store, other: store, [Symbol.asyncDispose]: () => store.close() };
});

describeStore('SQLite in a file', openScene);

async function openScene(): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-'));
  const { database } = await openDatabase(join(folder, 'store.db'), runtime);
  const { database: otherDatabase } = await openDatabase(join(folder, 'store.db'), runtime);
  const store = createSqliteStore(database, runtime, auditChain);
  const other = createSqliteStore(otherDatabase, runtime, auditChain);
  return {
    store,
    other,
    database,
    otherDatabase,
    async [Symbol.asyncDispose]() {
      await store.close();
      await other.close();
      await rm(folder, { recursive: true });
    },
  };
}

test('the index of search texts holds what the users have, who come, change and go', async () => {
  await using s = await openScene();
  const check = () =>
    s.database.exec("INSERT INTO users_search(users_search, rank) VALUES('integrity-check', 1)");
  await addUser(s.store, { name: 'Grace Hopper' });
  const renamed = await addUser(s.store, { name: 'Ada Lovelace' });
  const gone = await addUser(s.store, { name: 'Alan Turing' });
  check();
  await s.store.updateProfile({ userId: renamed.id, name: 'Ada King', at: 1, event: newEvent() });
  await s.store.setRole({ userId: renamed.id, role: 'reader', at: 1, event: newEvent() });
  check();
  await s.store.deleteUser({ userId: gone.id, passwordHash: 'hash', at: 1, event: newEvent() });
  check();
  // Its number may be that of the one who is gone.
  await addUser(s.store, { name: 'Edsger Dijkstra' });
  check();
  s.database.exec('VACUUM');
  check();
  expect(await s.store.listUsers({ search: 'ada k', limit: 9 })).toMatchObject([
    { name: 'Ada King' },
  ]);
});

test('while another process holds the lock, readers read and writers wait for it', async () => {
  await using s = await openScene();
  const user = await addUser(s.store);
  s.otherDatabase.exec('BEGIN IMMEDIATE');
  let written = 0;
  const writing = [1, 2, 3].map(async () => {
    await s.store.recordAuditEvent(newEvent());
    written += 1;
  });
  expect(await s.store.findUser(user.id)).toEqual(user);
  await s.store.ping();
  await turnOfEventLoop();
  expect(written).toBe(0);
  s.otherDatabase.exec('COMMIT');
  await Promise.all(writing);
  expect(await s.other.listAuditEvents({ type: 'test.happened', limit: 9 })).toHaveLength(4);
});

test.for([
  ['full', 'max_page_count = 1', 'max_page_count = 1000000'],
  ['read-only', 'query_only = ON', 'query_only = OFF'],
] as const)(
  'while the database is %s, nothing half is written and readers read',
  async ([, fault, remedy]) => {
    await using s = await openScene();
    const user = await addUser(s.store, { name: 'Ada' });
    s.database.pragma(fault);
    const large = newEvent({ detail: { text: 'x'.repeat(20_000) } });
    const change = { userId: user.id, name: 'Grace', at: 1, event: large };
    await expect(s.store.updateProfile(change)).rejects.toMatchObject({
      reason: 'overloaded',
      retryAfterSeconds: 1,
    });
    expect(await s.store.findUser(user.id)).toEqual(user);
    expect(await s.other.findUser(user.id)).toEqual(user);
    s.database.pragma(remedy);
    expect(await s.store.updateProfile(change)).toMatchObject({ name: 'Grace' });
  },
);

test('a defect is not taken for a database that is busy', async () => {
  await using s = await openScene();
  const event = newEvent();
  await s.store.recordAuditEvent(event);
  const error = await s.store.recordAuditEvent(event).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(Error);
  expect(error).not.toHaveProperty('reason');
});
