import { afterAll, beforeAll, describe, vi } from 'vitest';
import { createAuditChain } from '../../audit/audit-chain.ts';
import { searchTextOf } from '../search-text.ts';
import { describeStore } from '../testing/store-contract.ts';
import { runtime, type StoreUnderTest } from '../testing/store-scene.ts';
import { drizzle } from './drizzle.ts';
import { openPostgresStore, type OpenedPostgresStore } from './open-postgres-store.ts';
import { users } from './schema.ts';
import { createTestDatabase, type TestDatabase } from './testing/postgres-database.ts';
import { hasPostgres } from './testing/postgres-server.ts';

// Making a database takes seconds where many do.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const auditChain = createAuditChain(runtime.randomBytes(32));

describe.skipIf(!hasPostgres)('on PostgreSQL', () => {
  let database: TestDatabase;
  let stores: readonly [OpenedPostgresStore, OpenedPostgresStore];
  beforeAll(async () => {
    database = await createTestDatabase();
    const open = () =>
      openPostgresStore({
        url: database.url,
        poolSize: 4,
        runtime,
        keepsTime: true,
        auditChain,
        onKeysChanged() {},
      });
    stores = [await open(), await open()];
  });
  afterAll(async () => {
    for (const { store } of stores) await store.close();
    await database[Symbol.asyncDispose]();
  });

  /** The same database for each, emptied: to make one takes longer than most of these tests. */
  async function openScene(): Promise<StoreUnderTest> {
    const [{ store, pool, catchUp }, { store: other }] = stores;
    for (const table of ['sessions', 'users', 'signing_keys', 'audit_events', 'audit_head']) {
      await pool.query(`DELETE FROM ${table}`);
    }
    return {
      store,
      other,
      catchUp,
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

  describeStore('PostgreSQL', openScene, { isTold: true });
});
