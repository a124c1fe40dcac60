import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import { createAuditChain } from '../../audit/audit-chain.ts';
import { ConfigurationError } from '../../config/configuration-error.ts';
import { createRuntime } from '../../runtime.ts';
import { openStore } from '../open-store.ts';
import { addUser } from '../testing/store-scene.ts';
import { openPool } from './open-database.ts';
import type { PoolOpenerAnswer, PoolOpenerCall } from './testing/pool-opener.ts';
import { createTestDatabase, queryOnce } from './testing/postgres-database.ts';
import { hasPostgres, postgresUrl } from './testing/postgres-server.ts';

// Making a database takes seconds where many do.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const runtime = createRuntime();
const auditChain = createAuditChain(runtime.randomBytes(32));
const openerFile = fileURLToPath(new URL('testing/pool-opener.ts', import.meta.url));
const ownMigrations = fileURLToPath(new URL('../../../drizzle/postgres', import.meta.url));
const migrationCount = readdirSync(ownMigrations).filter((name) => name.endsWith('.sql')).length;
const password = 'hunter2-of-the-url';

function open(url: string): ReturnType<typeof openStore> {
  return openStore({ database: url, databasePool: 2, runtime, auditChain });
}

/** The one line that whoever starts the server reads. It holds nothing of the URL's password. */
async function refusalOf(url: string | URL): Promise<string> {
  const error: unknown = await open(String(url)).then(
    () => 'opened',
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(password);
  const { problems } = error as ConfigurationError;
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(/^DATABASE_URL: [^\n]+\.$/);
  return problems[0] ?? '';
}

/** A server that says this, whoever connects. */
async function listen(answer: Buffer): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.write(answer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function urlOf(server: Server): string {
  const { port } = server.address() as AddressInfo; // It listens on TCP.
  return `postgres://ada:${password}@127.0.0.1:${port}/latchkey`;
}

/** ErrorResponse (PostgreSQL, "Message Formats"). */
function errorResponse(code: string): Buffer {
  const fields = Buffer.from(`SFATAL\0C${code}\0Mno, ${password} is not it\0\0`);
  const head = Buffer.alloc(5, 'E');
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}

describe('what cannot be reached is explained', () => {
  test.for([
    ['28P01', /password is not that of the user/],
    ['28000', /does not let this user in/],
    ['53300', /no room left.*DATABASE_POOL/],
    ['57P03', /starting or stopping/],
    ['XX000', /fails with XX000/],
  ] as const)('a server that answers with %s', async ([code, sentence]) => {
    await using server = await listen(errorResponse(code));
    expect(await refusalOf(urlOf(server))).toMatch(sentence);
  });

  test('a server without TLS, where the URL asks for it', async () => {
    await using server = await listen(Buffer.from('N'));
    expect(await refusalOf(`${urlOf(server)}?sslmode=verify-full`)).toMatch(/has no TLS/);
  });

  test('a server that says nothing', async () => {
    const server = await listen(Buffer.of());
    const sockets: { destroy(): void }[] = [];
    server.on('connection', (socket) => sockets.push(socket));
    expect(await refusalOf(urlOf(server))).toMatch(/no PostgreSQL answers/);
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  test('no server, no such host, no such file', async () => {
    const server = await listen(Buffer.of());
    const url = urlOf(server);
    server.close();
    await once(server, 'close');
    expect(await refusalOf(url)).toMatch(/no PostgreSQL answers/);
    const nowhere = `postgres://ada:${password}@latchkey.invalid/latchkey`;
    expect(await refusalOf(nowhere)).toMatch(/host is not known|cannot be looked up/);
    expect(await refusalOf(`${url}?sslmode=verify-full&sslrootcert=/nowhere.pem`)).toMatch(
      /is not there/,
    );
  });

  test('a URL that cannot be read', async () => {
    expect(await refusalOf(`postgres://ada:${password}%E0@127.0.0.1/latchkey`)).toMatch(
      /cannot be read.*%XX/,
    );
  });
});

describe.skipIf(!hasPostgres)('on PostgreSQL', () => {
  /** A user of the server, who goes with the test. */
  async function createRole(): Promise<AsyncDisposable & { readonly name: string }> {
    const name = `latchkey_test_${runtime.randomBytes(6).toString('hex')}`;
    await queryOnce(postgresUrl, `CREATE ROLE ${name} LOGIN PASSWORD '${password}'`);
    return {
      name,
      async [Symbol.asyncDispose]() {
        await queryOnce(postgresUrl, `DROP ROLE ${name}`);
      },
    };
  }

  test('a database that is not there, and one of something else', async () => {
    await using database = await createTestDatabase();
    await database.query('CREATE TABLE users (number integer)');
    expect(await refusalOf(database.url)).toMatch(/other tables/);
    const url = new URL(database.url);
    url.password = password;
    url.pathname = '/latchkey_nowhere';
    expect(await refusalOf(url)).toMatch(/no such database/);
  });

  test('a user who is not known, and one who may not make tables', async () => {
    await using role = await createRole();
    await using database = await createTestDatabase();
    const url = new URL(database.url);
    url.password = password;
    url.username = 'latchkey_nobody';
    expect(await refusalOf(url)).toMatch(/does not let this user in/);
    url.username = role.name;
    expect(await refusalOf(url)).toMatch(/may not make what is missing/);
  });

  test('a database that may only be read', async () => {
    await using database = await createTestDatabase();
    await database.query(`ALTER DATABASE ${database.name} SET default_transaction_read_only = on`);
    expect(await refusalOf(database.url)).toMatch(/may only be read/);
  });

  test('a database of a newer version is refused, and left as it is', async () => {
    await using database = await createTestDatabase();
    await (await open(database.url)).store.close();
    await database.query(
      `INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('x', 9999999999999)`,
    );
    expect(await refusalOf(database.url)).toMatch(/newer version/);
    expect(await database.query('SELECT 1 FROM __drizzle_migrations')).toHaveLength(
      migrationCount + 1,
    );
  });

  test('it is made by the first who opens it; what the URL says more goes on working', async () => {
    await using database = await createTestDatabase();
    const opened = await open(database.url);
    expect(opened).toMatchObject({ created: true, migrationsApplied: migrationCount });
    const user = await addUser(opened.store);
    await opened.store.close();
    await opened.store.close();
    const again = await open(`${database.url}?application_name=other&options=-c%20geqo%3Doff`);
    expect(again).toMatchObject({ created: false, migrationsApplied: 0 });
    expect(await again.store.findUser(user.id)).toEqual(user);
    const { rows } =
      (await again.pool?.query(`SELECT current_setting('application_name') AS name,
        current_setting('geqo') AS geqo, current_setting('statement_timeout') AS statement,
        current_setting('lock_timeout') AS lock,
        current_setting('idle_in_transaction_session_timeout') AS idle`)) ?? {};
    expect(rows).toEqual([
      { name: 'other', geqo: 'off', statement: '5s', lock: '2s', idle: '10s' },
    ]);
    await again.store.close();
  });

  test('in a schema of its own, without rights beyond it, everything works but the index of texts', async () => {
    await using role = await createRole();
    await using database = await createTestDatabase();
    await database.query(`CREATE SCHEMA own AUTHORIZATION ${role.name}`);
    const url = new URL(database.url);
    url.username = role.name;
    url.searchParams.set('options', '-c search_path=own');
    const { store, created } = await open(url.href);
    expect(created).toBe(true);
    const user = await addUser(store, { name: 'Ada Lovelace' });
    expect(await store.listUsers({ search: 'da love', limit: 9 })).toEqual([user]);
    await store.close();
    const rows = await database.query<{ schemaname: string; indexname: string }>(
      `SELECT schemaname, indexname FROM pg_indexes WHERE tablename = 'users' ORDER BY indexname`,
    );
    expect(rows.map(({ indexname }) => indexname)).not.toContain('users_search');
    expect(new Set(rows.map(({ schemaname }) => schemaname))).toEqual(new Set(['own']));
    // Whoever need not make anything needs no right to.
    await database.query(`REVOKE CREATE ON SCHEMA own FROM ${role.name}`);
    const { store: again } = await open(url.href);
    expect(await again.findUser(user.id)).toEqual(user);
    await again.close();
    await database.query(`DROP OWNED BY ${role.name}`);
  });

  async function ask(opener: ChildProcess, call: PoolOpenerCall): Promise<PoolOpenerAnswer> {
    const answered = once(opener, 'message');
    opener.send(call);
    const [answer] = (await answered) as [PoolOpenerAnswer];
    return answer;
  }

  test('of processes that open it at once, one makes it', async () => {
    const openers = [fork(openerFile), fork(openerFile), fork(openerFile)];
    for (let round = 0; round < 3; round += 1) {
      await using database = await createTestDatabase();
      const answers = await Promise.all(openers.map((opener) => ask(opener, database)));
      expect(answers).toContainEqual({ created: true, migrationsApplied: migrationCount });
      const others = answers.filter((answer) => !('created' in answer && answer.created));
      expect(others).toEqual([1, 2].map(() => ({ created: false, migrationsApplied: 0 })));
    }
    for (const opener of openers) opener.disconnect();
  });

  test.for([4, 9, 14])(
    'one killed at query %i of the migrations leaves nothing half',
    async (dieAt) => {
      await using database = await createTestDatabase();
      const opener = fork(openerFile);
      const exited = once(opener, 'exit');
      opener.send({ url: database.url, dieAt } satisfies PoolOpenerCall);
      expect(await exited).toEqual([null, 'SIGKILL']);
      const { store, ...opened } = await open(database.url);
      expect(opened).toMatchObject({ created: true, migrationsApplied: migrationCount });
      await addUser(store);
      await store.close();
    },
  );

  test('a migration that fails leaves what was there, and says what', async () => {
    await using database = await createTestDatabase();
    const { store } = await open(database.url);
    const user = await addUser(store);
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-'));
    await cp(ownMigrations, folder, { recursive: true });
    const journalPath = join(folder, 'meta', '_journal.json');
    const journal = JSON.parse(await readFile(journalPath, 'utf8')) as { entries: object[] };
    const next = { ...journal.entries.at(-1), idx: 1, when: 9_999_999_999_999, tag: '0001_next' };
    await writeFile(
      journalPath,
      JSON.stringify({ ...journal, entries: [...journal.entries, next] }),
    );
    await writeFile(
      join(folder, '0001_next.sql'),
      'ALTER TABLE users ADD COLUMN more text;--> statement-breakpoint\nALTER TABLE nobody ADD COLUMN more text;',
    );
    await expect(openPool(database.url, 1, folder)).rejects.toThrow(/DATABASE_URL/);
    expect(await database.query('SELECT 1 FROM __drizzle_migrations')).toHaveLength(migrationCount);
    const columns = `SELECT 1 FROM information_schema.columns WHERE table_name = 'users' AND column_name = 'more'`;
    expect(await database.query(columns)).toEqual([]);
    await writeFile(join(folder, '0001_next.sql'), 'ALTER TABLE users ADD COLUMN more text;');
    const { pool, ...done } = await openPool(database.url, 1, folder);
    expect(done).toMatchObject({ created: false, migrationsApplied: 1 });
    await pool.end();
    // The version before goes on with what it knows: so it is while processes are replaced.
    expect(await store.findUser(user.id)).toEqual(user);
    await store.close();
    await rm(folder, { recursive: true });
  });

  test('what drizzle’s own migrator finds is what was applied', async () => {
    await using database = await createTestDatabase();
    const { pool } = await openPool(database.url, 1);
    const { drizzle } = await import('drizzle-orm/node-postgres');
    const { migrate } = await import('drizzle-orm/node-postgres/migrator');
    await migrate(drizzle(pool), { migrationsFolder: ownMigrations, migrationsSchema: 'public' });
    expect(await database.query('SELECT 1 FROM __drizzle_migrations')).toHaveLength(migrationCount);
    await pool.end();
  });
});
