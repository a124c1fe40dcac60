import { Client } from 'pg';
import { describe, expect, test, vi } from 'vitest';
import { createAuditChain } from '../../audit/audit-chain.ts';
import { createRuntime } from '../../runtime.ts';
import {
  addSession,
  addUser,
  later,
  newEvent,
  newReplacement,
  newRotation,
} from '../testing/store-scene.ts';
import { openPool } from './open-database.ts';
import { createPostgresStore } from './postgres-store.ts';
import { createSessionMemory } from './session-memory.ts';
import { changesChannel } from './tell.ts';
import { createTestDatabase } from './testing/postgres-database.ts';
import { hasPostgres } from './testing/postgres-server.ts';

// Making a database takes seconds where many do.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const runtime = createRuntime();
const auditChain = createAuditChain(runtime.randomBytes(32));

describe.skipIf(!hasPostgres)('on PostgreSQL', () => {
  test('what changes what somebody may do is told when it is committed, and nothing else is', async () => {
    await using database = await createTestDatabase();
    const { pool, canTell } = await openPool(database.url, 2);
    const memory = createSessionMemory(() => false, runtime.now);
    const store = createPostgresStore({ pool, runtime, auditChain, memory, canTell });
    const listener = new Client({ connectionString: database.url });
    await listener.connect();
    await listener.query(`LISTEN ${changesChannel}`);
    const told: unknown[] = [];
    listener.on('notification', ({ payload }) => told.push(JSON.parse(payload ?? '')));
    /** What a call tells: it has come before the answer of what is asked after it. */
    async function toldBy(call: () => Promise<unknown>): Promise<unknown[]> {
      await call();
      await listener.query('SELECT 1');
      return told.splice(0);
    }

    const user = await addUser(store);
    const { id: userId } = user;
    const change = () => ({ userId, at: later, event: newEvent() });
    const session = await addSession(store, user);
    const event = newEvent();
    await store.recordAuditEvent(event);
    for (const quiet of [
      () => addUser(store),
      () => addSession(store, user),
      () => store.rotateSession(newRotation(session, { counter: 0, now: later })),
      () => store.recordAuditEvent(newEvent()),
      () => store.findSession(session.id),
      () => store.setRole({ ...change(), role: user.role }),
      // Its event cannot be recorded, so it does not happen.
      () => store.setRole({ ...change(), role: 'editor', event }).catch(() => {}),
      () => store.revokeSessions({ which: { sessionId: 'x' }, at: later, event: () => newEvent() }),
    ]) {
      expect(await toldBy(quiet)).toEqual([]);
    }
    expect(await toldBy(() => addSession(store, user, { maxSessions: 1 }))).toEqual([{ userId }]);
    expect(await toldBy(() => store.setRole({ ...change(), role: 'editor' }))).toEqual([
      { userId },
    ]);
    expect(await toldBy(() => store.updateProfile({ ...change(), name: 'Ada' }))).toEqual([
      { userId },
    ]);
    const next = await addSession(store, user);
    const { id: sessionId } = next;
    const reuse = newRotation(next, { counter: 9, now: later });
    expect(await toldBy(() => store.rotateSession(reuse))).toEqual([{ sessionId }]);
    expect(await toldBy(() => store.replaceSigningKeys(newReplacement(null)))).toEqual(['keys']);
    expect(await toldBy(() => store.replaceSigningKeys(newReplacement(null)))).toEqual([]);
    const disabling = toldBy(() => store.setStatus({ ...change(), status: 'disabled' }));
    expect(await disabling).toContainEqual({ userId });
    expect(
      await toldBy(() => store.deleteUser({ ...change(), passwordHash: 'hash' })),
    ).toContainEqual({ userId });
    await listener.end();
    await store.close();
  });

  test('a database that cannot tell does everything else', async () => {
    await using database = await createTestDatabase();
    await database.query(`CREATE SCHEMA own
      CREATE TABLE nothing (id integer)`);
    await database.query(`CREATE FUNCTION own.pg_notify(text, text) RETURNS void LANGUAGE plpgsql
      AS $$ BEGIN RAISE feature_not_supported; END $$`);
    const url = new URL(database.url);
    url.searchParams.set('options', '-c search_path=own,pg_catalog');
    const opened = await openPool(url.href, 2);
    expect(opened).toMatchObject({ created: true, canTell: false });
    const memory = createSessionMemory(() => false, runtime.now);
    const store = createPostgresStore({ ...opened, runtime, auditChain, memory });
    const user = await addUser(store);
    const change = { userId: user.id, at: later, event: newEvent() };
    expect(await store.setRole({ ...change, role: 'editor' })).toMatchObject({ role: 'editor' });
    await store.close();
  });
});
