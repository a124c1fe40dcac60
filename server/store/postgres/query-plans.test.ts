import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createAuditChain } from '../../audit/audit-chain.ts';
import { createRuntime } from '../../runtime.ts';
import { openStore, type OpenedStore } from '../open-store.ts';
import type { Store } from '../store.ts';
import { addSession, addUser, later, newEvent, newRotation } from '../testing/store-scene.ts';
import { Client } from './drizzle.ts';
import { createTestDatabase, type TestDatabase } from './testing/postgres-database.ts';
import { hasPostgres } from './testing/postgres-server.ts';

// A million users and ten million sessions: whoever reads a whole table, or sorts what was found,
// holds up everybody. PostgreSQL is asked how it goes about each statement of the store, with
// tables that are large enough for it to care.

// Making a database takes seconds where many do.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const runtime = createRuntime();
const auditChain = createAuditChain(runtime.randomBytes(32));

/** Few users are editors or disabled, and few events of one type; each user has three sessions. */
const seed = `
  INSERT INTO users (id, email, email_verified, name, role, status, authorization_version, search_text, created_at, updated_at)
    SELECT 'u' || lpad(n::text, 8, '0'), n || '@test.example', false, md5(n::text),
      CASE WHEN n % 1000 = 7 THEN 'editor' ELSE 'user' END,
      CASE WHEN n % 100 = 0 THEN 'disabled' ELSE 'active' END, 0,
      upper(n || '@test.example' || md5(n::text)), n, n FROM generate_series(1, 20000) n;
  INSERT INTO sessions (id, user_id, counter, sealed_token_key, created_at, last_seen_at, rotated_at, expires_at, idle_expires_at, idle_ttl_ms)
    SELECT 's' || lpad(n::text, 8, '0'), 'u' || lpad((1 + n % 20000)::text, 8, '0'), 0, 'k', n, n, n, n + 10000, n + 10000, 9
    FROM generate_series(1, 60000) n;
  INSERT INTO audit_events (sequence, hash, id, at, type, user_id, detail)
    SELECT 1000000 + n, 'h', 'e' || lpad(n::text, 8, '0'), n, CASE WHEN n % 1000 = 0 THEN 'type.rare' ELSE 'type.common' END, 'u' || lpad((1 + n % 20000)::text, 8, '0'), '{}'
    FROM generate_series(1, 60000) n;
`;

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly Plans?: readonly Plan[];
}

function nodesOf(plan: Plan): Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
}

describe.skipIf(!hasPostgres)('on PostgreSQL', () => {
  let database: TestDatabase;
  let opened: OpenedStore;
  beforeAll(async () => {
    database = await createTestDatabase();
    opened = await openStore({ database: database.url, databasePool: 1, runtime, auditChain });
    for (const statement of seed.split(';\n')) await database.query(statement);
    await database.query('ANALYZE');
  });
  afterAll(async () => {
    await opened.store.close();
    await database[Symbol.asyncDispose]();
  });

  /** The nodes of the plans of every statement that a call runs. */
  async function plansOf(call: (store: Store) => Promise<unknown>): Promise<Plan[]> {
    const query = vi.spyOn(Client.prototype, 'query');
    await call(opened.store);
    // As drizzle calls it, and the pool for it: an object with the text, and the values.
    const calls = query.mock.calls as unknown as readonly (readonly [
      string | { readonly text: string },
      readonly unknown[] | undefined,
    ])[];
    const statements = calls.flatMap(([config, values = []]) =>
      typeof config === 'string' ? [] : [{ text: config.text, values }],
    );
    query.mockRestore();
    expect(statements).not.toEqual([]);
    const plans: Plan[] = [];
    for (const { text, values } of statements) {
      const [row] = await database.query<{ 'QUERY PLAN': readonly { Plan: Plan }[] }>(
        `EXPLAIN (FORMAT JSON) ${text}`,
        values,
      );
      plans.push(...(row?.['QUERY PLAN'] ?? []).flatMap(({ Plan: plan }) => nodesOf(plan)));
    }
    return plans;
  }

  function indexesOf(plans: readonly Plan[]): (string | undefined)[] {
    return plans.flatMap((node) => node['Index Name'] ?? []);
  }

  function kindsOf(plans: readonly Plan[]): string[] {
    return plans.map((node) => node['Node Type']);
  }

  const change = { userId: 'u00000077', at: later, event: newEvent() };
  const hot: readonly (readonly [string, readonly string[], (store: Store) => Promise<unknown>])[] =
    [
      ['findSession', ['sessions_pkey', 'users_id'], (store) => store.findSession('s00000077')],
      ['findUser', ['users_id'], (store) => store.findUser('u00000077')],
      ['by e-mail', ['users_email'], (store) => store.findCredential({ email: '7@test.example' })],
      ['by username', ['users_username'], (store) => store.findCredential({ username: 'seven' })],
      ['listAddresses', ['sessions_by_user'], (store) => store.listAddresses('u00000077')],
      [
        'listAuditLinks',
        ['audit_events_pkey'],
        (store) => store.listAuditLinks({ after: 7, limit: 9 }),
      ],
      ['listAuditEvents', ['audit_events_by_id'], (store) => store.listAuditEvents({ limit: 9 })],
      [
        'listAuditEvents of a type',
        ['audit_events_by_type'],
        (store) => store.listAuditEvents({ type: 'type.rare', limit: 9 }),
      ],
      [
        'listAuditEvents of a user and a type',
        ['audit_events_by_user'],
        (store) => store.listAuditEvents({ userId: 'u00000077', type: 'type.common', limit: 9 }),
      ],
      ['listUsers', ['users_pkey'], (store) => store.listUsers({ limit: 9 })],
      [
        'listUsers of a role',
        ['users_role'],
        (store) => store.listUsers({ role: 'editor', limit: 9 }),
      ],
      [
        'listUsers of a status',
        ['users_status'],
        (store) => store.listUsers({ status: 'disabled', limit: 9 }),
      ],
      [
        'listUsers of both',
        ['users_role_status'],
        (store) => store.listUsers({ role: 'admin', status: 'disabled', limit: 9 }),
      ],
      [
        'listUsers from a cursor',
        ['users_id', 'users_pkey'],
        (store) => store.listUsers({ cursor: 'u00010000', limit: 9 }),
      ],
    ];

  test.for(hot)('%s goes by %j, and sorts nothing', async ([, indexes, call]) => {
    const plans = await plansOf(call);
    expect(new Set(indexesOf(plans))).toEqual(new Set(indexes));
    expect(kindsOf(plans)).not.toContain('Sort');
  });

  test('a search for what is rare goes by its trigrams', async () => {
    const plans = await plansOf((store) => store.listUsers({ search: '0a1b2c3d4e', limit: 9 }));
    expect(indexesOf(plans)).toContain('users_search');
  });

  test('no other statement reads a large table from end to end', async () => {
    const plans = await plansOf(async (store) => {
      const user = await addUser(store, { username: 'ada', role: 'admin' });
      const own = await addSession(store, user, { maxSessions: 1 });
      await addSession(store, user, { maxSessions: 1 });
      await store.rotateSession(newRotation(own, { counter: 0, now: later }));
      const used = await addSession(store, user);
      await store.rotateSession(newRotation(used, { counter: 7, now: later }));
      await store.listSessions(user.id, later);
      await store.updateProfile({ ...change, event: newEvent(), name: 'New' });
      await store.setRole({ ...change, event: newEvent(), role: 'editor' });
      await store.setStatus({ ...change, event: newEvent(), status: 'disabled' });
      await store.upgradePasswordHash({ userId: user.id, from: 'hash', to: 'hash' });
      const last = await addSession(store, user);
      await store.changePassword({
        ...change,
        event: newEvent(),
        userId: user.id,
        from: 'hash',
        to: 'new',
        sessionId: last.id,
        sealedTokenKey: Uint8Array.of(1),
      });
      for (const which of [{ sessionId: last.id }, { userId: user.id }]) {
        await store.revokeSessions({ which, at: later, event: () => newEvent() });
      }
      await addUser(store, { role: 'admin' });
      await store.deleteUser({
        ...change,
        event: newEvent(),
        userId: user.id,
        passwordHash: 'new',
      });
      await store.pruneSessions({ before: 20_000, limit: 16 });
      await store.pruneAuditEvents({ before: 100, limit: 16 });
      await store.countEvents({ since: 0, stepMs: 1_000, count: 9, types: ['type.rare'] });
      await store.ping();
    });
    expect(plans.length).toBeGreaterThan(50);
    const read = plans.filter((node) => node['Node Type'] === 'Seq Scan');
    const tables = new Set(read.map((node) => node['Relation Name']));
    expect([...tables].filter((name) => /users|sessions|audit_events/.test(name ?? ''))).toEqual(
      [],
    );
  });
});
