import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { LatchkeyError } from '../../../shared/latchkey-error.ts';
import { createApi, signedInOf } from '../../../tests/contract/api.ts';
import { startProcess } from '../../../tests/contract/server-process.ts';
import { createAuditChain } from '../../audit/audit-chain.ts';
import { openPostgresTarget } from '../copy/open-postgres.ts';
import { searchTextOf } from '../search-text.ts';
import { describeStore } from '../testing/store-contract.ts';
import {
  addSession,
  addUser,
  newEvent,
  runtime,
  startedAt,
  type StoreUnderTest,
} from '../testing/store-scene.ts';
import { drizzle } from './drizzle.ts';
import { inspectPostgres } from './inspect-database.ts';
import { openPostgresStore, type OpenedPostgresStore } from './open-postgres-store.ts';
import { users } from './schema.ts';
import { findPgBouncerProblem, startPgBouncer, type PgBouncer } from './testing/pgbouncer.ts';
import { createTestDatabase, type TestDatabase } from './testing/postgres-database.ts';
import { hasPostgres, postgresUrl } from './testing/postgres-server.ts';

// Making a database takes seconds where many do.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const problem = findPgBouncerProblem();
if (problem !== null) process.stderr.write(`Skipped: behind PgBouncer: ${problem}.\n`);

const auditChain = createAuditChain(runtime.randomBytes(32));

function open(url: string): Promise<OpenedPostgresStore> {
  return openPostgresStore({
    url,
    poolSize: 4,
    runtime,
    keepsTime: true,
    auditChain,
    onKeysChanged() {},
  });
}

describe.skipIf(!hasPostgres || problem !== null)('behind PgBouncer', () => {
  describe('in transaction mode', () => {
    let database: TestDatabase;
    let pooler: PgBouncer;
    let stores: readonly [OpenedPostgresStore, OpenedPostgresStore];
    beforeAll(async () => {
      database = await createTestDatabase();
      pooler = await startPgBouncer(postgresUrl, 'transaction');
      const url = pooler.through(database.url);
      stores = [await open(url), await open(url)];
    });
    afterAll(async () => {
      for (const { store } of stores) await store.close();
      await pooler[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    });

    /** The same database for each, emptied: to make one takes longer than most of these tests. */
    async function openScene(): Promise<StoreUnderTest> {
      const [{ store, pool }, { store: other }] = stores;
      for (const table of ['sessions', 'users', 'signing_keys', 'audit_events', 'audit_head']) {
        await pool.query(`DELETE FROM ${table}`);
      }
      return {
        store,
        other,
        async addUsers(people) {
          const rows = people.map((user) => ({
            ...user,
            passwordHash: 'hash',
            searchText: searchTextOf(user),
          }));
          await drizzle(pool).insert(users).values(rows);
        },
        async [Symbol.asyncDispose]() {},
      };
    }

    describeStore('PostgreSQL behind PgBouncer in transaction mode', openScene, {
      remembers: false,
    });

    test('it is noticed, and said by whoever looks', async () => {
      expect(stores.map(({ isPooled }) => isPooled)).toEqual([true, true]);
      const inspection = await inspectPostgres(pooler.through(database.url), runtime);
      expect(inspection).toMatchObject({ isPooled: true, pendingMigrations: 0 });
      await inspection.store.ping();
      await inspection.close();
    });

    test('what another process ends has ended at the next call, over and over', async () => {
      await using scene = await openScene();
      const user = await addUser(scene.store);
      for (let round = 0; round < 20; round += 1) {
        const session = await addSession(scene.store, user);
        await scene.store.findSession(session.id);
        expect(scene.store.recallSession(session.id)).toBeUndefined();
        await scene.other.revokeSessions({
          which: { sessionId: session.id },
          at: startedAt,
          event: () => newEvent(),
        });
        expect(await scene.store.findSession(session.id)).toMatchObject({
          session: { revokedAt: startedAt },
        });
      }
    });

    test('a copy, which keeps a lock, is refused', async () => {
      await expect(
        openPostgresTarget(pooler.through(database.url), { restart: false }),
      ).rejects.toThrow(/pooler.*pool_mode = session/);
    });

    test('a process answers calls at the same time, counts limits there, and says it in its log', async () => {
      await using own = await createTestDatabase();
      await using server = startProcess({
        DATABASE_URL: pooler.through(own.url),
        LATCHKEY_SECRET: runtime.randomBytes(32).toString('hex'),
        LATCHKEY_LIMITS: 'signInPerAddress=40/3600',
        // In the tables, whatever the suite runs on.
        REDIS_URL: '',
      });
      const api = createApi(await server.ready);
      const people = await Promise.all(
        Array.from({ length: 6 }, async (_, index) => {
          const input = { email: `p${index}@example.com`, password: 'correct horse battery' };
          const { accessToken } = signedInOf(await api.mutate('auth.register', { input }));
          return { input, accessToken };
        }),
      );
      const answers = await Promise.all(
        people.flatMap(({ input, accessToken }) => [
          ...Array.from({ length: 8 }, () => api.query('user.me', { token: accessToken })),
          api.mutate('auth.login', { input }),
          api.mutate('auth.login', { input }),
        ]),
      );
      // Where the machine is busy, one may be told to come again.
      for (const { status } of answers) expect([200, 503]).toContain(status);
      const counters = await own.query('SELECT 1 FROM rate_limits');
      expect(counters.length).toBeGreaterThan(0);
      expect(server.stdout()).toContain('a pooler in transaction mode answers');
      // invalid_sql_statement_name, duplicate_prepared_statement (PostgreSQL, Appendix A)
      expect(server.stdout()).not.toMatch(/26000|42P05|"level":"error"/);
    });
  });

  test('in session mode it is as if there were none', async () => {
    await using database = await createTestDatabase();
    await using pooler = await startPgBouncer(postgresUrl, 'session');
    const { store, isPooled, catchUp } = await open(pooler.through(database.url));
    await catchUp();
    await store.close();
    expect(isPooled).toBe(false);
  });

  test('changed to transaction mode while it runs, it is unavailable and no defect', async () => {
    await using database = await createTestDatabase();
    await using pooler = await startPgBouncer(postgresUrl, 'session');
    const { store } = await open(pooler.through(database.url));
    await pooler.change('transaction');
    const failures: unknown[] = [];
    const call = () => store.findUser('nobody').catch((error: unknown) => failures.push(error));
    await vi.waitFor(
      async () => {
        await Promise.all(Array.from({ length: 20 }, call));
        expect(failures).not.toEqual([]);
      },
      { timeout: 15_000, interval: 20 },
    );
    await store.close();
    expect(new Set(failures.map((error) => (error as LatchkeyError).reason))).toEqual(
      new Set(['overloaded']),
    );
  });
});
