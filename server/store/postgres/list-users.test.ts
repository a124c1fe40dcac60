import { describe, expect, test, vi } from 'vitest';
import { createAuditChain } from '../../audit/audit-chain.ts';
import { createRuntime } from '../../runtime.ts';
import { openStore } from '../open-store.ts';
import { addUser } from '../testing/store-scene.ts';
import { createTestDatabase } from './testing/postgres-database.ts';
import { hasPostgres } from './testing/postgres-server.ts';

// Making a database takes seconds where many do.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const runtime = createRuntime();
const auditChain = createAuditChain(runtime.randomBytes(32));

describe.skipIf(!hasPostgres)('on PostgreSQL', () => {
  test('a search goes on through millions, in statements that end', async () => {
    await using database = await createTestDatabase();
    const opened = await openStore({
      database: database.url,
      databasePool: 2,
      runtime,
      auditChain,
    });
    const { store } = opened;
    const found = [];
    // As if three millions had come between them.
    for (const number of [1, 2, 400_000, 2_600_000, 3_000_000]) {
      await database.query(`SELECT setval('users_number_seq', ${number}, false)`);
      found.unshift(await addUser(store, { name: 'Kim', role: 'reader' }));
      await addUser(store, { name: 'Ada' });
    }
    const query = { search: 'ki', role: 'reader', limit: 9 };
    expect(await store.listUsers(query)).toEqual(found);
    expect(await store.listUsers({ ...query, limit: 2 })).toEqual(found.slice(0, 2));
    expect(await store.listUsers({ ...query, cursor: found[1]!.id })).toEqual(found.slice(2));
    expect(await store.listUsers({ ...query, cursor: found.at(-1)!.id })).toEqual([]);
    expect(await store.listUsers({ search: 'a\0', limit: 9 })).toEqual([]);
    await store.close();
  });
});
