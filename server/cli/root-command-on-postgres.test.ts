import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createSecret } from '../config/secret.ts';
import { createRuntime } from '../runtime.ts';
import { findPgBouncerProblem, startPgBouncer } from '../store/postgres/testing/pgbouncer.ts';
import {
  createTestDatabase,
  type TestDatabase,
} from '../store/postgres/testing/postgres-database.ts';
import { hasPostgres, postgresUrl } from '../store/postgres/testing/postgres-server.ts';
import { createTestClock, type TestClock } from '../testing/clock.ts';
import { runCommand, type Outcome } from './testing/run-command.ts';

interface Cli extends AsyncDisposable {
  readonly database: TestDatabase;
  readonly clock: TestClock;
  readonly variables: Record<string, string | undefined>;
  run(commandLine: string): Promise<Outcome>;
  /** What `doctor` finds: `status message` by name. */
  examine(): Promise<Readonly<Record<string, string>>>;
}

/** The commands on a database of their own, with a clock to turn. */
async function createCli(): Promise<Cli> {
  const database = await createTestDatabase();
  const clock = createTestClock();
  const runtime = createRuntime(clock.now);
  const variables: Record<string, string | undefined> = {
    DATABASE_URL: database.url,
    LATCHKEY_SECRET: createSecret(runtime),
    LATCHKEY_BCRYPT_COST: '4',
    PORT: '0',
  };

  function run(commandLine: string): Promise<Outcome> {
    return runCommand({ runtime, variables }, commandLine.split(' '));
  }

  return {
    database,
    clock,
    variables,
    run,
    async examine() {
      const { out } = await run('doctor --json');
      const { checks } = JSON.parse(out) as {
        checks: readonly { name: string; status: string; message: string }[];
      };
      return Object.fromEntries(
        checks.map(({ name, status, message }) => [name, `${status} ${message}`]),
      );
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

/** The same with the tables, the keys and an admin called ada. */
async function createCliWithAdmin(): Promise<Cli> {
  const cli = await createCli();
  await cli.run('migrate');
  const created = await cli.run('user create --email=ada@example.com --role=admin --generate');
  expect(created).toMatchObject({ exitCode: 0, err: '' });
  return cli;
}

function done(out: RegExp): object {
  return { exitCode: 0, out: expect.stringMatching(out), err: '' };
}

function refused(err: RegExp): object {
  return { exitCode: 1, out: '', err: expect.stringMatching(err) };
}

describe.skipIf(!hasPostgres)('on PostgreSQL', { timeout: 60_000 }, () => {
  test('migrate makes the tables, once, and no other command does', async () => {
    await using cli = await createCli();
    const tables = () => cli.database.query("SELECT 1 FROM pg_tables WHERE schemaname = 'public'");
    for (const command of ['user list', 'keys list', 'keys rotate --yes', 'audit verify']) {
      expect(await cli.run(command)).toEqual(refused(/^DATABASE_URL: .*"npx latchkey migrate"/));
    }
    expect(await cli.examine()).toMatchObject({
      migrations: expect.stringMatching(/^warn \d to apply/),
    });
    expect(await tables()).toEqual([]);
    expect(await cli.run('migrate')).toEqual(
      done(/^Created the database\.\nApplied \d migration\(s\)\.$/),
    );
    expect(await cli.run('migrate')).toEqual(done(/^Applied 0 migration\(s\)\.$/));
    expect(await cli.run('user list')).toMatchObject({ exitCode: 0 });
  });

  test('users, keys and the audit log are looked after as on SQLite', async () => {
    await using cli = await createCliWithAdmin();
    await cli.run('user create --email=bob@example.com --username=bob --generate');
    expect(await cli.run('user disable bob --yes')).toEqual(done(/^bob@example\.com is disabled/));
    expect(await cli.run('user enable bob')).toEqual(done(/may sign in again/));
    expect(await cli.run('user revoke bob --yes')).toEqual(done(/^Ended 0 session/));
    expect(await cli.run('user set-role bob admin --yes')).toEqual(done(/is admin\.$/));
    expect(await cli.run('user list --search=BOB')).toEqual(done(/bob@example\.com +bob +admin/));
    expect(await cli.run('keys rotate --yes')).toEqual(done(/signs from now on/));
    expect(await cli.run('keys list')).toEqual(done(/retired/));
    expect(await cli.run('audit verify')).toEqual(done(/^\d+ event\(s\) are in order\./));
    await cli.database.query("UPDATE audit_events SET type = 'nothing' WHERE sequence = 2");
    expect(await cli.run('audit verify')).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(/Event 2 .* was changed/),
    });
  });

  test('a shell that is not set up as the server is changes nothing', async () => {
    await using cli = await createCliWithAdmin();
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-cli-'));
    const before = process.cwd();
    try {
      // Where a secret would be made that nobody configured.
      process.chdir(folder);
      const { LATCHKEY_SECRET: secret } = cli.variables;
      cli.variables['LATCHKEY_SECRET'] = undefined;
      expect(await cli.run('user list')).toEqual(refused(/^LATCHKEY_SECRET: not set/));
      expect(await cli.examine()).toMatchObject({ keys: expect.stringMatching(/^fail .*missing/) });
      cli.variables['LATCHKEY_SECRET'] = createSecret(createRuntime());
      expect(await cli.run('user list')).toEqual(refused(/^LATCHKEY_SECRET: .*not the secret/));
      cli.variables['LATCHKEY_SECRET'] = secret;
      cli.variables['LATCHKEY_SIGNING_ALG'] = 'ES256';
      expect(await cli.run('user list')).toEqual(refused(/^LATCHKEY_SIGNING_ALG: .*EdDSA/));
      expect(await readdir(folder)).toEqual([]);
    } finally {
      process.chdir(before);
      await rm(folder, { recursive: true });
    }
  });

  test('doctor finds nothing wrong with a good installation', async () => {
    await using cli = await createCliWithAdmin();
    await using writer = await createWriter(cli.database);
    cli.variables['DATABASE_URL'] = writer.url;
    const { out, ...rest } = await cli.run('doctor');
    expect(rest).toEqual({ exitCode: 0, err: '' });
    const lines = out.split('\n');
    expect(lines.filter((line) => !line.startsWith('ok  '))).toEqual([]);
    expect(lines.map((line) => line.split(/ +/)[1])).toEqual(
      'versions configuration secret database tls migrations rights search connections database-clock keys admin clock port'.split(
        ' ',
      ),
    );
  });

  test('doctor sees what the user may not do, and one who may do everything', async () => {
    await using cli = await createCliWithAdmin();
    expect(await cli.examine()).toMatchObject({
      rights: expect.stringMatching(/^warn .*everything on the server/),
    });
    await using writer = await createWriter(cli.database);
    cli.variables['DATABASE_URL'] = writer.url;
    await cli.database.query(`REVOKE INSERT ON sessions FROM ${writer.name}`);
    expect(await cli.examine()).toMatchObject({
      rights: expect.stringMatching(/^fail This user lacks INSERT on sessions\./),
    });
    await cli.database.query(`ALTER ROLE ${writer.name} SET default_transaction_read_only = on`);
    expect(await cli.examine()).toMatchObject({
      rights: expect.stringMatching(/^fail It may only be read/),
    });
  });

  test('doctor sees connections, clocks, encryption and a copy that is not complete', async () => {
    await using cli = await createCliWithAdmin();
    cli.variables['DATABASE_POOL'] = '200';
    cli.variables['LATCHKEY_WORKERS'] = '64';
    cli.clock.advance(60);
    const url = new URL(cli.database.url);
    // This machine, by an address that does not say so.
    url.hostname = '0.0.0.0';
    cli.variables['DATABASE_URL'] = url.href;
    await cli.database.query('CREATE TABLE copy_progress ()');
    expect(await cli.examine()).toMatchObject({
      connections: expect.stringMatching(/^fail 12864 of \d+ at most/),
      'database-clock': expect.stringMatching(/^warn It is \d+ s behind this machine/),
      tls: expect.stringMatching(/^warn .*sslmode=verify-full/),
      migrations: expect.stringMatching(/^fail A copy into it is not complete/),
    });
    expect(await cli.run('user list')).toEqual(refused(/^DATABASE_URL: a copy into the database/));
  });

  test.skipIf(findPgBouncerProblem() !== null)('doctor sees a pooler', async () => {
    await using cli = await createCliWithAdmin();
    const { url } = cli.database;
    await using pooler = await startPgBouncer(postgresUrl, 'transaction');
    cli.variables['DATABASE_URL'] = pooler.through(url);
    expect(await cli.examine()).toMatchObject({
      database: expect.stringMatching(/^ok PostgreSQL/),
      pooler: expect.stringMatching(/^warn .*each call reads the database.*pool_mode = session/),
    });
    cli.variables['DATABASE_URL'] = url;
    expect(await cli.examine()).not.toHaveProperty('pooler');
  });

  test('doctor says why a database cannot be used, and never the password', async () => {
    await using cli = await createCli();
    const url = new URL(cli.database.url);
    url.password = 'hunter2';
    url.port = '1';
    cli.variables['DATABASE_URL'] = url.href;
    const { out, ...rest } = await cli.run('doctor');
    expect(rest).toMatchObject({ exitCode: 1 });
    expect(out).toMatch(/^fail +database +DATABASE_URL: no PostgreSQL answers there/m);
    expect(out).not.toContain('hunter2');
  });
});

/** A user who may write to the tables, and nothing else. */
async function createWriter(
  database: TestDatabase,
): Promise<AsyncDisposable & { readonly name: string; readonly url: string }> {
  const name = `${database.name}_writer`;
  await database.query(`CREATE ROLE ${name} LOGIN PASSWORD 'of the writer'`);
  await database.query(`GRANT ALL ON ALL TABLES IN SCHEMA public TO ${name}`);
  await database.query(`GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO ${name}`);
  const url = new URL(database.url);
  url.username = name;
  url.password = 'of the writer';
  return {
    name,
    url: url.href,
    async [Symbol.asyncDispose]() {
      await database.query(`DROP OWNED BY ${name}`);
      await database.query(`DROP ROLE ${name}`);
    },
  };
}
