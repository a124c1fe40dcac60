import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createAuditChain } from '../../audit/audit-chain.ts';
import { createRuntime, type Runtime } from '../../runtime.ts';
import type { Store } from '../store.ts';
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
import { createTestDatabase, type TestDatabase } from './testing/postgres-database.ts';
import { hasPostgres } from './testing/postgres-server.ts';

// Making a database takes seconds where many do.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const auditChain = createAuditChain(createRuntime().randomBytes(32));
const deadline = { timeout: 15_000, interval: 20 };
const overloaded = { reason: 'overloaded', retryAfterSeconds: 1 };

/** The database, where what waits for a lock waits for as long as a slow machine needs to look on. */
function patient({ url: ofDatabase }: TestDatabase): URL {
  const url = new URL(ofDatabase);
  for (const wait of ['lock_timeout', 'statement_timeout', 'query_timeout']) {
    url.searchParams.set(wait, '30000');
  }
  return url;
}

/** A runtime that counts the pauses before something is tried again. */
function createCountingRuntime(): { runtime: Runtime; pauses: () => number } {
  const runtime = createRuntime();
  let pauses = 0;
  return {
    pauses: () => pauses,
    runtime: {
      ...runtime,
      delay(delayMs) {
        pauses += 1;
        return runtime.delay(delayMs);
      },
    },
  };
}

describe.skipIf(!hasPostgres)('on PostgreSQL', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database[Symbol.asyncDispose]());

  interface Scene extends AsyncDisposable {
    readonly store: Store;
    pauses(): number;
    /** A connection beside the store's. */
    connect(): Promise<Client>;
  }

  async function openScene(url = database.url): Promise<Scene> {
    const { runtime, pauses } = createCountingRuntime();
    const clients: Client[] = [];
    const { pool } = await openPool(url, 4);
    const memory = createSessionMemory(() => false, runtime.now);
    const store = createPostgresStore({ pool, runtime, auditChain, memory });
    return {
      store,
      pauses,
      async connect() {
        const client = new Client({ connectionString: database.url });
        client.on('error', () => {});
        clients.push(client);
        await client.connect();
        return client;
      },
      async [Symbol.asyncDispose]() {
        for (const client of clients) await client.end();
        await store.close();
      },
    };
  }

  /** Ends the connections of the store that are in this state, and says how many. */
  async function terminate(by: Client, where = 'true'): Promise<number> {
    const { rowCount } = await by.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'latchkey' AND (${where})`,
    );
    return rowCount ?? 0;
  }

  /** Waits until so many of the store's connections wait for a lock. */
  async function untilWaiting(by: Client, howMany: number): Promise<void> {
    await expect
      .poll(async () => {
        // A transaction goes on seeing what it saw first.
        await by.query('SELECT pg_stat_clear_snapshot()');
        const { rowCount } = await by.query(
          `SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
           AND application_name = 'latchkey' AND wait_event_type = 'Lock'`,
        );
        return rowCount;
      }, deadline)
      .toBe(howMany);
  }

  test('connections that end while they are idle are noticed by nobody', async () => {
    await using s = await openScene();
    const by = await s.connect();
    const user = await addUser(s.store);
    await Promise.all([1, 2, 3, 4].map(() => s.store.ping()));
    expect(await terminate(by)).toBeGreaterThan(0);
    await expect.poll(() => s.store.findUser(user.id).catch(() => null), deadline).toEqual(user);
    await s.store.recordAuditEvent(newEvent());
  });

  test('a connection that ends as it is handed out ends no process, and another one is made', async () => {
    const { pool } = await openPool(database.url, 1);
    // What ends it may have come in one piece with what made it ready: nobody listens by then.
    const thrown = await new Promise<unknown>((resolve) => {
      pool.connect((_, client) => {
        try {
          client?.emit('error', new Error('terminating connection'));
          resolve(null);
        } catch (error) {
          resolve(error);
        }
        client?.release(true);
      });
    });
    expect(thrown).toBeNull();
    expect((await pool.query<{ one: number }>('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await pool.end();
  });

  test('a write whose connection ends in the middle is refused and undone, and then goes on', async () => {
    await using s = await openScene(patient(database).href);
    const by = await s.connect();
    const user = await addUser(s.store, { name: 'Ada' });
    await by.query('BEGIN');
    await by.query('SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [user.id]);
    const change = { userId: user.id, name: 'Grace', at: later, event: newEvent() };
    // Listened to from the start: it may be refused before whoever ends it has its answer.
    const failed = s.store.updateProfile(change).catch((error: unknown) => error);
    const reading = s.store.findUser(user.id).catch((error: unknown) => error);
    await untilWaiting(by, 1);
    expect(await terminate(by, `wait_event_type = 'Lock'`)).toBe(1);
    expect(await failed).toMatchObject(overloaded);
    await by.query('ROLLBACK');
    expect(await reading).toEqual(user);
    expect(await s.store.findUser(user.id)).toEqual(user);
    // Nothing of it was done again: whether it had been done could not be known.
    expect(s.pauses()).toBe(0);
    expect(await s.store.updateProfile(change)).toMatchObject({ name: 'Grace' });
  });

  test('whoever waits too long for a lock is refused, and nothing of it is done', async () => {
    await using s = await openScene();
    const by = await s.connect();
    const user = await addUser(s.store, { name: 'Ada' });
    const events = await s.store.listAuditEvents({ limit: 1_000 });
    await by.query('BEGIN');
    await by.query('SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [user.id]);
    const error: unknown = await s.store
      .setRole({ userId: user.id, role: 'editor', at: later, event: newEvent() })
      .catch((error: unknown) => error);
    expect(error).toMatchObject({ ...overloaded, cause: { code: '55P03' } });
    await by.query('ROLLBACK');
    expect(await s.store.findUser(user.id)).toEqual(user);
    expect(await s.store.listAuditEvents({ limit: 1_000 })).toEqual(events);
  });

  test('a deadlock is done again, and the caller learns nothing of it', async () => {
    // The store's side looks for it first, and so is the one that is undone.
    const url = patient(database);
    url.searchParams.set('options', '-c deadlock_timeout=2s');
    await using s = await openScene(url.href);
    const by = await s.connect();
    await by.query(`SET deadlock_timeout = '60s'`);
    const user = await addUser(s.store, { name: 'Ada' });
    await by.query('BEGIN');
    await by.query('SELECT 1 FROM audit_head FOR UPDATE');
    const change = { userId: user.id, name: 'Grace', at: later, event: newEvent() };
    const changing = s.store.updateProfile(change).catch((error: unknown) => error);
    await untilWaiting(by, 1);
    await by.query('SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [user.id]);
    await by.query('ROLLBACK');
    expect(await changing).toMatchObject({ name: 'Grace' });
    expect(s.pauses()).toBeGreaterThan(0);
    const recorded = await s.store.listAuditEvents({ limit: 1_000 });
    expect(recorded.filter(({ id }) => id === change.event.id)).toHaveLength(1);
  });

  test('of two that find no signing keys, the first makes them and the second takes them', async () => {
    await using s = await openScene(patient(database).href);
    const first = await s.connect();
    await first.query('BEGIN');
    // It may look, and then has to wait until the first is done.
    await first.query('LOCK TABLE signing_keys IN SHARE MODE');
    const second = s.store
      .replaceSigningKeys(newReplacement(null))
      .catch((error: unknown) => error);
    await untilWaiting(first, 1);
    await first.query(
      `INSERT INTO signing_keys (id, algorithm, status, sealed_private_jwk, created_at)
       VALUES ('a', 'EdDSA', 'active', '', 0), ('b', 'EdDSA', 'next', '', 0)`,
    );
    await first.query('COMMIT');
    expect(await second).toBe(false);
    expect(await s.store.listSigningKeys()).toMatchObject([
      { id: 'a', status: 'active', retiredAt: null },
      { id: 'b', status: 'next', retiredAt: null },
    ]);
    await first.query('DELETE FROM signing_keys');
  });

  test('a database that may only be read refuses what writes, and answers what reads', async () => {
    await using s = await openScene();
    const user = await addUser(s.store);
    const session = await addSession(s.store, user);
    const by = await s.connect();
    await by.query(`ALTER DATABASE ${database.name} SET default_transaction_read_only = on`);
    await terminate(by);
    const refresh = newRotation(session, { counter: 0, now: later });
    await expect
      .poll(() => s.store.rotateSession(refresh).catch((error: unknown) => error), deadline)
      .toMatchObject({ ...overloaded, cause: { code: '25006' } });
    await expect(s.store.recordAuditEvent(newEvent())).rejects.toMatchObject(overloaded);
    expect(await s.store.findUser(user.id)).toEqual(user);
    await by.query('SET default_transaction_read_only = off');
    await by.query(`ALTER DATABASE ${database.name} RESET default_transaction_read_only`);
    // The connections that could only read are gone, as after another server took over.
    await expect
      .poll(() => s.store.rotateSession(refresh).catch((error: unknown) => error), deadline)
      .toMatchObject({ kind: 'rotated' });
  });

  test('more calls than there are connections wait, and those that wait too long are refused', async () => {
    await using s = await openScene();
    const by = await s.connect();
    const users = await Promise.all(Array.from({ length: 6 }, () => addUser(s.store)));
    await by.query('BEGIN');
    await by.query('SELECT 1 FROM audit_head FOR UPDATE');
    const outcomes = await Promise.allSettled(
      users.map(({ id }) =>
        s.store.updateProfile({ userId: id, name: 'New', at: later, event: newEvent() }),
      ),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(Array(6).fill('rejected'));
    for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: overloaded });
    await by.query('ROLLBACK');
    expect(await s.store.findUser(users[0]!.id)).toEqual(users[0]);
    await s.store.recordAuditEvent(newEvent());
  });

  test('a defect is no matter of trying again, and says no value', async () => {
    await using s = await openScene();
    const event = newEvent({ type: 'test.happened', ip: '192.0.2.77' });
    await s.store.recordAuditEvent(event);
    const error: unknown = await s.store.recordAuditEvent(event).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ code: '23505', constraint: 'audit_events_by_id' });
    expect(error).not.toHaveProperty('reason');
    expect(JSON.stringify([error, String(error)])).not.toMatch(/192\.0\.2\.77|test\.happened/);
    expect(s.pauses()).toBe(0);
  });

  describe('behind a network that breaks', () => {
    interface Network extends AsyncDisposable {
      readonly url: string;
      /** Cuts each connection when the client has sent this. */
      cutAt(text: string): void;
      heal(): void;
      /** Hands on nothing any more, and says nothing. */
      fallSilent(): void;
    }

    async function createNetwork(): Promise<Network> {
      const { hostname, port } = new URL(database.url);
      const sockets = new Set<Socket>();
      let cutting: string | null = null;
      let isSilent = false;
      const server = createServer((near) => {
        const far = createConnection(Number(port || 5_432), hostname);
        for (const socket of [near, far]) {
          sockets.add(socket);
          socket.on('error', () => {});
          socket.on('close', () => {
            near.destroy();
            far.destroy();
          });
        }
        let isCut = false;
        near.on('data', (data) => {
          if (isSilent) return;
          isCut ||= cutting !== null && data.includes(cutting);
          far.write(data);
        });
        far.on('data', (data) => {
          if (isSilent) return;
          // The server has done it, and its answer does not come.
          if (isCut) near.destroy();
          else near.write(data);
        });
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const url = new URL(database.url);
      url.hostname = '127.0.0.1';
      url.port = String((server.address() as AddressInfo).port); // It listens on TCP.
      return {
        url: url.href,
        cutAt(text) {
          cutting = text;
        },
        heal() {
          cutting = null;
          isSilent = false;
        },
        fallSilent() {
          isSilent = true;
        },
        async [Symbol.asyncDispose]() {
          for (const socket of sockets) socket.destroy();
          server.close();
          await once(server, 'close');
        },
      };
    }

    test('what was committed, and its answer lost, is not done again', async () => {
      await using network = await createNetwork();
      await using s = await openScene(network.url);
      const event = newEvent();
      network.cutAt('COMMIT\0');
      await expect(s.store.recordAuditEvent(event)).rejects.toMatchObject(overloaded);
      network.heal();
      expect(s.pauses()).toBe(0);
      const recorded = await s.store.listAuditEvents({ limit: 1_000 });
      expect(recorded.filter(({ id }) => id === event.id)).toHaveLength(1);
      await s.store.recordAuditEvent(newEvent());
    });

    test('a network that says nothing holds nobody up for long, and heals', async () => {
      await using network = await createNetwork();
      await using s = await openScene(network.url);
      await s.store.ping();
      network.fallSilent();
      await expect(s.store.ping()).rejects.toMatchObject(overloaded);
      network.heal();
      await expect
        .poll(
          () =>
            s.store
              .ping()
              .then(() => true)
              .catch(() => false),
          deadline,
        )
        .toBe(true);
    });
  });
});
