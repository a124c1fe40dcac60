import { once } from 'node:events';
import { chmod, mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import type { AuditRecord } from '../../shared/records.ts';
import { login } from '../accounts/login.ts';
import { createSecret, secretPathOf } from '../config/secret.ts';
import { createRuntime } from '../runtime.ts';
import { createTestClock, type TestClock } from '../testing/clock.ts';
import type { Command } from './command-line.ts';
import type { CommandParts } from './command-parts.ts';
import { withInstallation } from './installation.ts';
import { createRootCommand } from './root-command.ts';
import { runCommand, type Outcome, type Person } from './testing/run-command.ts';

const password = 'a long and lonely passphrase';
/** Of that password, as another system would have it. */
const importedHash = '$2y$04$CK9WFmpFZ7oOog1YKJ3ZEuq9caUE1EoHdbjZhYvCAMotSNJevJt0G';
const somewhere = { ip: null, userAgent: null };

interface Cli extends AsyncDisposable {
  readonly folder: string;
  readonly database: string;
  readonly clock: TestClock;
  readonly variables: Record<string, string | undefined>;
  readonly parts: Pick<CommandParts, 'variables' | 'runtime'>;
  run(commandLine: string, person?: Person): Promise<Outcome>;
}

/** The commands on a folder of their own, with a clock to turn and a person to play. */
async function createCli(): Promise<Cli> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-cli-'));
  const database = join(folder, 'latchkey.db');
  const clock = createTestClock();
  const runtime = createRuntime(clock.now);
  const variables: Record<string, string | undefined> = {
    DATABASE_URL: `file:${database}`,
    LATCHKEY_BCRYPT_COST: '4',
    PORT: '0',
  };
  return {
    folder,
    database,
    clock,
    variables,
    parts: { variables, runtime },
    run: (commandLine, person) =>
      runCommand(
        { runtime, variables },
        commandLine.split(' ').filter((word) => word !== ''),
        person,
      ),
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The same with an admin called ada. */
async function createCliWithAdmin(): Promise<Cli> {
  const cli = await createCli();
  await cli.run('migrate');
  const command =
    'user create --email=ada@example.com --username=ada --role=admin --password-stdin';
  expect(await cli.run(command, { input: password })).toMatchObject({ exitCode: 0, err: '' });
  return cli;
}

async function listEvents({ parts }: Cli): Promise<AuditRecord[]> {
  let events: AuditRecord[] = [];
  await withInstallation(parts, async ({ accounts }) => {
    events = await accounts.store.listAuditEvents({ limit: 100 });
  });
  return events;
}

function done(out: string | RegExp = ''): object {
  return { exitCode: 0, out: out instanceof RegExp ? expect.stringMatching(out) : out, err: '' };
}

function refused(err: RegExp | string): object {
  return { exitCode: 1, out: '', err: err instanceof RegExp ? expect.stringMatching(err) : err };
}

describe('a command line', () => {
  function pathsOf({ subCommands = {} }: Command): string[] {
    return Object.entries(subCommands).flatMap(([name, command]) => [
      name,
      ...pathsOf(command).map((path) => `${name} ${path}`),
    ]);
  }

  test('explains every command and group', async () => {
    await using cli = await createCli();
    const { out } = await cli.run('--help');
    expect(out).toMatch(/start\|migrate\|user\|keys\|audit\|copy\|secret\|doctor/);
    const terminal = {} as CommandParts['terminal'];
    const paths = pathsOf(createRootCommand({ ...cli.parts, terminal }));
    expect(paths).toHaveLength(17);
    for (const path of paths) {
      expect(await cli.run(`${path} --help`)).toEqual(done(new RegExp(`USAGE.* latchkey ${path}`)));
      expect(await cli.run(`${path} -h`)).toEqual(done(/USAGE/));
    }
    expect(await readdir(cli.folder)).toEqual([]);
  });

  test.each([
    ['', /^latchkey: no command was given\. Wanted: start, .*"npx latchkey --help"/],
    ['keys', /^latchkey keys: no command was given\. Wanted: list, rotate\./],
    ['usr list', /^latchkey usr: there is no such command\. Wanted: start/],
    ['user lst --help', /^latchkey user lst: there is no such command\. Wanted: create, list/],
    ['toString', /^latchkey toString: there is no such command/],
    ['--verbose', /^--verbose: there is no such option\. "npx latchkey --help"/],
    ['user --json', /^--json: there is no such option\. "npx latchkey user --help"/],
    ['user list --jsn', /^--jsn: there is no such option/],
    ['user list --no-json', /^--no-json: there is no such option/],
    ['user list --json=false', /^--json: it takes no value/],
    ['user list --limit', /^--limit: its value is missing/],
    ['user list --search --json', /^--search: its value is missing/],
    ['user list --status=away', /^Invalid value for argument: .*--status.*active.*disabled/],
    ['user list ada', /^ada: one argument too many/],
    ['user disable ada bob', /^bob: one argument too many/],
    ['user disable', /^Missing required positional argument: USER\. "npx latchkey user disable/],
    ['user create --generate', /^Missing required argument: --email\. "npx latchkey user create/],
    ['secret -x', /^-x: there is no such option/],
  ])('refuses "%s" and says what to do', async (commandLine, line) => {
    await using cli = await createCli();
    expect(await cli.run(commandLine)).toEqual(refused(line));
    expect(await readdir(cli.folder)).toEqual([]);
  });

  test('names each variable that is wrong and never its value', async () => {
    await using cli = await createCli();
    Object.assign(cli.variables, { PORT: 'eighty', LATCHKEY_SECRET: 'swordfish' });
    for (const command of ['start', 'migrate', 'user list', 'keys list']) {
      const outcome = await cli.run(command);
      expect(outcome).toEqual(refused(/^PORT: .*\nLATCHKEY_SECRET: /));
      expect(outcome.err).not.toMatch(/eighty|swordfish/);
    }
  });
});

test('secret prints a new one and nothing else', async () => {
  await using cli = await createCli();
  const [first, second] = [await cli.run('secret'), await cli.run('secret')];
  expect(first).toEqual(done(/^[\w-]{43}$/));
  expect(second.out).not.toBe(first.out);
});

test('migrate makes the database, once, and no other command does', async () => {
  await using cli = await createCli();
  for (const command of ['user list', 'user create --email=a@b.example --generate', 'keys list']) {
    expect(await cli.run(command)).toEqual(refused(/^DATABASE_URL: .*"npx latchkey migrate"\.$/));
  }
  expect(await readdir(cli.folder)).toEqual([]);
  expect(await cli.run('migrate')).toEqual(
    done(/^Created the database\.\nApplied [1-9]\d* migration\(s\)\.$/),
  );
  expect(await cli.run('migrate')).toEqual(done('Applied 0 migration(s).'));
});

test('a shell that is not set up as the server is changes nothing', async () => {
  await using cli = await createCliWithAdmin();
  const before = await cli.run('keys list');
  cli.variables['LATCHKEY_SIGNING_ALG'] = 'ES256';
  expect(await cli.run('keys list')).toEqual(refused(/^LATCHKEY_SIGNING_ALG: .* EdDSA/));
  cli.variables['LATCHKEY_SIGNING_ALG'] = undefined;
  expect(await cli.run('keys list')).toEqual(before);
  cli.variables['LATCHKEY_SECRET'] = createSecret(cli.parts.runtime);
  expect(await cli.run('user list')).toEqual(refused(/^LATCHKEY_SECRET: /));
  cli.variables['LATCHKEY_SECRET'] = undefined;
  await rm(secretPathOf(cli.database));
  expect(await cli.run('user list')).toEqual(refused(/^LATCHKEY_SECRET: not set/));
  expect(await readdir(cli.folder)).not.toContain('latchkey.db.secret');
});

describe('user create', () => {
  test.each([
    ['a password from stdin', '--password-stdin', { input: password }],
    ['a password typed twice', '', { answers: [password, password] }],
    [
      'a password typed where stdin was named',
      '--password-stdin',
      { answers: [password, password] },
    ],
    ['the hash of another system', '--bcrypt-hash-stdin', { input: importedHash }],
  ])('takes %s', async (_name, option, person) => {
    await using cli = await createCli();
    await cli.run('migrate');
    const command = `user create --email=Bob@Example.com --username=Bob --name=Bob ${option}`;
    const outcome = await cli.run(command, person);
    expect(outcome).toEqual(done(/^Created bob@example\.com \(user\), id [\da-f-]{36}\.$/));
    await withInstallation(cli.parts, async ({ accounts }) => {
      const { user } = await login(accounts, { username: 'bob', password }, somewhere);
      expect(user).toMatchObject({ email: 'bob@example.com', name: 'Bob', role: 'user' });
    });
  });

  test('makes a password and shows it once', async () => {
    await using cli = await createCli();
    await cli.run('migrate');
    const { out } = await cli.run('user create --email=bob@example.com --generate --role=admin');
    const generated = /^Password, shown this once: ([\w-]{22})$/m.exec(out)?.[1] ?? '';
    await withInstallation(cli.parts, async ({ accounts }) => {
      const input = { email: 'bob@example.com', password: generated };
      expect((await login(accounts, input, somewhere)).user.role).toBe('admin');
    });
  });

  test.each<[string, Person, RegExp]>([
    ['bob@example.com', {}, /^password: no terminal to ask on\. Wanted: .*--password-stdin/],
    ['bob@example.com --generate --password-stdin', {}, /^password: more than one way/],
    ['bob@example.com --password-stdin', { input: '' }, /^password: /],
    ['bob@example.com --password-stdin', { input: 'password1234' }, /^password: .*\(common\)/],
    ['bob@example.com --bcrypt-hash-stdin', { input: password }, /^stdin: no bcrypt hash/],
    ['bob@example.com --bcrypt-hash-stdin', { input: `p1:${importedHash}` }, /^stdin: no bcrypt/],
    [
      'bob@example.com',
      { answers: [password, 'another'] },
      /^password: .*\nNothing was changed\.$/,
    ],
    ['bob@example.com', { answers: [null] }, /^Nothing was changed\.$/],
    ['bob --generate', {}, /^email: /],
    ['bob@example.com --username=b! --generate', {}, /^username: /],
    ['ada@example.com --generate', {}, /^email: another account has it/],
    ['bob@example.com --username=ADA --generate', {}, /^This username is taken/],
  ])('refuses %s %j', async (args, person, line) => {
    await using cli = await createCliWithAdmin();
    const outcome = await cli.run(`user create --email=${args}`, person);
    expect(outcome).toEqual(refused(line));
    expect(outcome.err).not.toContain(password);
    expect(await cli.run('user list --search=bob')).toMatchObject({ out: '' });
  });
});

test('user list shows a table, pages and what admin.listUsers answers', async () => {
  await using cli = await createCliWithAdmin();
  await cli.run('user create --email=bob@example.com --generate');
  const [head, bob, ada] = (await cli.run('user list')).out.split('\n');
  expect(head).toMatch(/^ID {36}E-MAIL {11}USERNAME {2}ROLE {3}STATUS {2}CREATED {19}NAME$/);
  expect(bob).toMatch(/^[\da-f-]{36} {2}bob@example\.com {2}- {9}user {3}active {2}\S{24} {2}-$/);
  expect(ada).toMatch(/ {2}ada@example\.com {2}ada {7}admin {2}active /);

  const page = await cli.run('user list --limit=1 --json');
  const { users, nextCursor } = JSON.parse(page.out) as { users: object[]; nextCursor: string };
  expect(users).toEqual([expect.objectContaining({ email: 'bob@example.com', status: 'active' })]);
  expect(JSON.stringify(users)).not.toMatch(/hash|authorizationVersion/i);
  const next = await cli.run(`user list --limit=1 --json --cursor=${nextCursor}`);
  expect(JSON.parse(next.out)).toMatchObject({ users: [{ username: 'ada' }], nextCursor: null });
  expect(await cli.run('user list --limit=1')).toMatchObject({
    err: expect.stringContaining(nextCursor),
  });

  expect((await cli.run('user list --search=ADA --role=admin --status=active')).out).toMatch(/ada/);
  expect(await cli.run('user list --search=nobody')).toEqual({
    exitCode: 0,
    out: '',
    err: 'No user is like that.',
  });
  expect(await cli.run('user list --limit=many')).toEqual(refused(/^limit: /));
  expect(await cli.run('user list --cursor=x')).toEqual(refused(/^cursor: /));
});

describe('a change to somebody', () => {
  test.each(['user disable ada', 'user set-role ada user', 'user revoke ada', 'keys rotate'])(
    '%s asks first',
    async (command) => {
      await using cli = await createCliWithAdmin();
      const before = (await listEvents(cli)).length;
      expect(await cli.run(command)).toEqual(refused(/^--yes: missing/));
      expect(await cli.run(command, { answers: [false] })).toEqual(refused('Nothing was changed.'));
      expect(await listEvents(cli)).toHaveLength(before);
    },
  );

  test('is found by address, username or id and audited as the command line’s', async () => {
    await using cli = await createCliWithAdmin();
    const created = await cli.run('user create --email=bob@example.com --username=bob --generate');
    const id = /id ([\da-f-]{36})/.exec(created.out)?.[1] ?? '';
    expect(await cli.run('user disable BOB@example.com', { answers: [true] })).toEqual(
      done('bob@example.com is disabled, and all their sessions have ended.'),
    );
    expect(await cli.run('user enable Bob')).toEqual(done('bob@example.com may sign in again.'));
    expect(await cli.run(`user set-role ${id.toUpperCase()} admin --yes`)).toEqual(
      done('bob@example.com is admin.'),
    );
    const [role, enabled, disabled, made] = await listEvents(cli);
    const event = { userId: id, actorId: null, userAgent: 'latchkey command line' };
    expect(role).toMatchObject({ ...event, type: 'user.role_changed', detail: { role: 'admin' } });
    expect(enabled).toMatchObject({ ...event, type: 'user.enabled' });
    expect(disabled).toMatchObject({ ...event, type: 'user.disabled' });
    expect(made).toMatchObject({ ...event, type: 'user.created' });
  });

  test('ends sessions and says how many', async () => {
    await using cli = await createCliWithAdmin();
    await withInstallation(cli.parts, async ({ accounts }) => {
      await login(accounts, { username: 'ada', password }, somewhere);
      await login(accounts, { username: 'ada', password }, somewhere);
    });
    expect(await cli.run('user revoke ada --yes')).toEqual(
      done('Ended 2 session(s) of ada@example.com.'),
    );
    expect(await cli.run('user revoke ada --yes')).toEqual(
      done('Ended 0 session(s) of ada@example.com.'),
    );
  });

  test('leaves an admin, and refuses nobody and no role', async () => {
    await using cli = await createCliWithAdmin();
    for (const command of ['user disable ada --yes', 'user set-role ada user --yes']) {
      expect(await cli.run(command)).toEqual(refused(/last active admin/));
    }
    expect(await cli.run('user set-role ada king --yes')).toEqual(refused(/^role: /));
    for (const name of [
      'nobody',
      'nobody@example.com',
      'x',
      '0198c0de-0000-7000-8000-000000000000',
    ]) {
      expect(await cli.run(`user revoke ${name} --yes`)).toEqual(refused(/^There is no such user/));
    }
  });
});

test('keys rotate puts the next key in service', async () => {
  await using cli = await createCliWithAdmin();
  const statuses = async () => {
    const { out } = await cli.run('keys list --json');
    const { keys } = JSON.parse(out) as { keys: { id: string; status: string }[] };
    return new Map(keys.map(({ id, status }) => [status, id]));
  };
  const before = await statuses();
  const next = before.get('next') ?? '';
  cli.clock.advance(60);
  expect(await cli.run('keys rotate --yes')).toEqual(
    done(new RegExp(`^${next} signs from now on`)),
  );
  const after = await statuses();
  expect(after.get('active')).toBe(next);
  expect(after.get('retired')).toBe(before.get('active'));
  const { out } = await cli.run('keys list');
  expect(out).toMatch(/^ID {16}ALGORITHM {2}STATUS {3}CREATED {19}RETIRED\n/);
  expect(out).toMatch(/ {2}EdDSA {6}retired {2}\S{24} {2}\S{24}$/m);
  expect(out).not.toMatch(/"d"|sealed/i);
  const [event] = await listEvents(cli);
  expect(event).toMatchObject({ type: 'keys.rotated', detail: { activeKeyId: next } });
});

describe('doctor', () => {
  interface Found {
    readonly ok: boolean;
    readonly checks: readonly { name: string; status: string; message: string }[];
  }

  async function examine(cli: Cli): Promise<Found & Record<string, unknown>> {
    const { exitCode, out } = await cli.run('doctor --json');
    const found = JSON.parse(out) as Found;
    expect(exitCode).toBe(found.ok ? 0 : 1);
    expect(found.ok).toBe(found.checks.every(({ status }) => status !== 'fail'));
    const byName = found.checks.map(
      ({ name, status, message }) => [name, `${status} ${message}`] as const,
    );
    return { ...found, ...Object.fromEntries(byName) };
  }

  test('finds nothing wrong with a good installation', async () => {
    await using cli = await createCliWithAdmin();
    const { exitCode, out, err } = await cli.run('doctor');
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    const lines = out.split('\n');
    expect(lines.every((line) => line.startsWith('ok  '))).toBe(true);
    expect(lines.map((line) => line.split(/ +/)[1])).toEqual(
      'versions configuration secret database permissions integrity journal migrations keys admin clock port'.split(
        ' ',
      ),
    );
    expect((await examine(cli))['configuration']).toContain('DATABASE_URL, LATCHKEY_BCRYPT_COST');
  });

  test('makes nothing that is missing', async () => {
    await using cli = await createCli();
    expect(await examine(cli)).toMatchObject({
      ok: true,
      secret: expect.stringMatching(/^warn .*first start/),
      database: expect.stringMatching(/^warn .*latchkey migrate/),
    });
    expect(await readdir(cli.folder)).toEqual([]);
    await cli.run('migrate');
    expect(await examine(cli)).toMatchObject({
      ok: true,
      keys: expect.stringMatching(/^warn /),
      admin: expect.stringMatching(/^warn .*latchkey user create/),
    });
    expect(await readdir(cli.folder)).not.toContain('latchkey.db.secret');
    cli.variables['DATABASE_URL'] = ':memory:';
    expect(await examine(cli)).toMatchObject({ database: expect.stringMatching(/^warn /) });
  });

  test('has a line for each variable that is wrong or unknown', async () => {
    await using cli = await createCli();
    Object.assign(cli.variables, {
      PORT: '-1',
      LATCHKEY_ACCESS_TTL: '5m',
      LATCHKEY_ACESS_TTL: '9',
    });
    const { checks, ok } = await examine(cli);
    expect(ok).toBe(false);
    const lines = checks.map(({ name, status, message }) => `${name} ${status} ${message}`);
    expect(lines).toContainEqual(expect.stringMatching(/^configuration fail PORT: /));
    expect(lines).toContainEqual(
      expect.stringMatching(/^configuration fail LATCHKEY_ACCESS_TTL: /),
    );
    expect(lines).toContainEqual(expect.stringMatching(/^configuration warn LATCHKEY_ACESS_TTL: /));
    const { exitCode, err } = await cli.run('doctor');
    expect({ exitCode, err }).toEqual({ exitCode: 1, err: '2 of 5 checks failed.' });
  });

  test('sees files that others may read', async () => {
    await using cli = await createCliWithAdmin();
    await chmod(cli.database, 0o644);
    await chmod(secretPathOf(cli.database), 0o640);
    expect(await examine(cli)).toMatchObject({
      ok: false,
      permissions: expect.stringMatching(/^fail .*chmod 600 \S+latchkey\.db/),
      secret: expect.stringMatching(/^fail .*chmod 600 \S+\.secret$/),
    });
  });

  test('sees a secret that is missing, damaged or another one', async () => {
    await using cli = await createCliWithAdmin();
    cli.variables['LATCHKEY_SECRET'] = createSecret(cli.parts.runtime);
    expect(await examine(cli)).toMatchObject({
      secret: expect.stringMatching(/^ok /),
      keys: expect.stringMatching(/^fail LATCHKEY_SECRET: /),
    });
    cli.variables['LATCHKEY_SECRET'] = undefined;
    await writeFile(secretPathOf(cli.database), 'short\n');
    expect(await examine(cli)).toMatchObject({
      secret: expect.stringMatching(/^fail .*too short/),
    });
    await rm(secretPathOf(cli.database));
    expect(await examine(cli)).toMatchObject({ keys: expect.stringMatching(/^fail .*missing/) });
  });

  test('sees a damaged database and what is no database', async () => {
    await using cli = await createCliWithAdmin();
    {
      // Not the schema, without which there is nothing to examine.
      const database = new DatabaseSync(cli.database);
      const table = database
        .prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'audit_events'")
        .get();
      database.close();
      await using file = await open(cli.database, 'r+');
      await file.write(
        Buffer.alloc(4_096, 0xff),
        0,
        4_096,
        (Number(table?.['rootpage']) - 1) * 4_096,
      );
    }
    const { ok, ...found } = await examine(cli);
    expect(ok).toBe(false);
    expect(found['integrity']).toMatch(/^fail .*backup/);
    expect(found).not.toHaveProperty('admin');
    await writeFile(cli.database, 'x'.repeat(8_192));
    expect(await examine(cli)).toMatchObject({
      ok: false,
      database: expect.stringMatching(/^fail DATABASE_URL: .*not a SQLite database/),
    });
  });

  test('sees keys of another algorithm and a clock that was set back', async () => {
    await using cli = await createCliWithAdmin();
    cli.variables['LATCHKEY_SIGNING_ALG'] = 'ES256';
    expect(await examine(cli)).toMatchObject({ keys: expect.stringMatching(/^warn .*EdDSA/) });
    cli.clock.advance(-3_600);
    expect(await examine(cli)).toMatchObject({
      ok: false,
      clock: expect.stringMatching(/^fail .* 3600 s in the future/),
    });
  });

  test.each([
    [200, '{"status":"ok"}', /^ok A server is ready on http:\/\/127\.0\.0\.1:/],
    [503, '{"status":"unavailable","reason":"storage"}', /^fail .*not ready: storage/],
    [200, '<h1>It works!</h1>', /^fail PORT: something else/],
    [404, 'null', /^fail PORT: something else/],
  ])('asks who listens: %d %s', async (status, body, verdict) => {
    await using cli = await createCli();
    const server = createServer((_req, res) => res.writeHead(status).end(body));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    await using _closing = { [Symbol.asyncDispose]: async () => void server.close() };
    cli.variables['PORT'] = String((server.address() as AddressInfo).port);
    expect(await examine(cli)).toMatchObject({ port: expect.stringMatching(verdict) });
  });
});
