import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { describe, expect, test, vi } from 'vitest';
import { login } from '../accounts/login.ts';
import { compose, type Composition } from '../compose.ts';
import { createSecret } from '../config/secret.ts';
import { databasePathOf } from '../config/settings.ts';
import { silentLogger } from '../logger.ts';
import { createRuntime } from '../runtime.ts';
import { refreshSession } from '../sessions/refresh-session.ts';
import { createSession } from '../sessions/start-session.ts';
import { hasPostgres, postgresUrl } from '../store/postgres/testing/postgres-server.ts';
import { openDatabase } from '../store/sqlite/open-database.ts';
import { newEvent, newUser } from '../store/testing/store-scene.ts';
import { runCommand, type Outcome } from './testing/run-command.ts';

const main = fileURLToPath(new URL('main.ts', import.meta.url));
const runtime = createRuntime();
const password = 'a long and lonely passphrase';
const somewhere = { ip: '192.0.2.7', userAgent: 'A {browser}, "quoted", with \\ and NULL' };
const deadline = { timeout: 120_000, interval: 10 };

/** How a process ended, and what it said. */
type Ended = Omit<Outcome, 'exitCode'> & { readonly exitCode: number | null };

/** A SQLite file with a server's data, and an empty PostgreSQL database. */
interface Scene extends AsyncDisposable {
  readonly file: string;
  readonly target: string;
  readonly variables: Readonly<Record<string, string>>;
  /** Somebody else on the target. */
  readonly other: Client;
  /** What a server has while it runs. */
  compose(database: string): Promise<Composition & AsyncDisposable>;
  run(...words: string[]): Promise<Outcome>;
  /** The same command in a process of its own. */
  startCopy(): { readonly ended: Promise<Ended>; kill(): void };
}

async function createScene(): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-copy-'));
  const file = `file:${join(folder, 'latchkey.db')}`;
  const name = `latchkey_copy_${runtime.newId().replaceAll('-', '')}`;
  const target = new URL(postgresUrl);
  target.pathname = `/${name}`;
  const server = new Client({ connectionString: postgresUrl });
  await server.connect();
  await server.query(`CREATE DATABASE ${name}`);
  const other = new Client({ connectionString: target.href });
  await other.connect();
  const variables = {
    DATABASE_URL: target.href,
    LATCHKEY_SECRET: createSecret(runtime),
    LATCHKEY_BCRYPT_COST: '4',
  };
  return {
    file,
    target: target.href,
    variables,
    other,
    async compose(database) {
      const composition = await compose({
        database,
        secret: variables.LATCHKEY_SECRET,
        bcryptCost: 4,
        rateLimits: false,
        logger: silentLogger,
      });
      return { ...composition, [Symbol.asyncDispose]: () => composition.close() };
    },
    run: (...words) => runCommand({ runtime, variables }, words),
    startCopy() {
      const child = spawn(
        process.execPath,
        [main, 'copy', `--from=${file}`, `--to=${target.href}`],
        { env: variables, stdio: ['ignore', 'pipe', 'pipe'] },
      );
      let out = '';
      let err = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
      const ended = once(child, 'close').then(() => ({ exitCode: child.exitCode, out, err }));
      return { ended, kill: () => child.kill('SIGKILL') };
    },
    async [Symbol.asyncDispose]() {
      await other.end();
      await server.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await server.end();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Adds users with so many sessions each, and some of everything else that rows may hold. */
async function populate(
  { accounts, keyRing }: Composition,
  { users, sessions }: { users: number; sessions: number },
): Promise<readonly string[]> {
  const { store, refreshTokens } = accounts;
  const passwordHash = await accounts.hasher.hash(password);
  const tokens: string[] = [];
  async function addUser(index: number): Promise<void> {
    const now = runtime.now();
    const user = newUser({
      email: `member-${index}@example.com`,
      username: index % 3 === 0 ? null : `member-${index}`,
      name: `Zoë {${index}}, "\\" 🙂`,
      createdAt: now,
      updatedAt: now,
    });
    await store.createUser({ user, passwordHash, session: null, event: newEvent() });
    for (let n = 0; n < sessions; n += 1) {
      const session = createSession(accounts, user.id, somewhere);
      const detail = { 10: '\u0000', b: ['ü', null, 1.5], a: true };
      const event = newEvent({ userId: user.id, detail });
      await store.startSession({ session, passwordHash, maxSessions: sessions, event });
      tokens.push(refreshTokens.issue(session));
    }
  }
  for (let from = 0; from < users; from += 100) {
    await Promise.all(
      Array.from({ length: Math.min(100, users - from) }, (_, n) => addUser(from + n)),
    );
  }
  // A key that has retired, a session that was refreshed, one that ended, and one of nobody.
  await keyRing.rotate(() => newEvent());
  const [first = '', second = '', ...others] = tokens;
  const { refreshToken } = await refreshSession(accounts, first, somewhere);
  const ended = refreshTokens.parse(second)?.sessionId ?? '';
  await store.revokeSessions({
    which: { sessionId: ended },
    at: runtime.now(),
    event: () => newEvent(),
  });
  const gone = newUser();
  const session = createSession(accounts, gone.id, somewhere);
  await store.createUser({ user: gone, passwordHash, session, event: newEvent() });
  await store.deleteUser({ userId: gone.id, passwordHash, at: runtime.now(), event: newEvent() });
  // The log begins later than it did.
  await store.pruneAuditEvents({ before: runtime.now() + 1e15, limit: 3 });
  return [refreshToken, ...others];
}

async function waitUntilInserting({ other }: Scene, table: string): Promise<void> {
  await vi.waitFor(async () => {
    // Within a transaction it would be as of the first look.
    await other.query('SELECT pg_stat_clear_snapshot()');
    const { rows } = await other.query(
      `SELECT 1 FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock' AND strpos(query, $1) > 0`,
      [`INSERT INTO "${table}"`],
    );
    expect(rows).toHaveLength(1);
  }, deadline);
}

describe.skipIf(!hasPostgres)('copy', { timeout: 60_000 }, () => {
  test(
    'killed again and again, it goes on, and nobody is signed out',
    { timeout: 300_000 },
    async () => {
      await using scene = await createScene();
      const { file, target, other } = scene;
      let tokens: readonly string[];
      {
        await using before = await scene.compose(file);
        tokens = await populate(before, { users: 1_100, sessions: 2 });
      }
      expect((await scene.run('migrate')).exitCode).toBe(0);
      for (const table of ['users', 'sessions', 'sessions', 'audit_events']) {
        // In the middle of a batch, which PostgreSQL may yet commit when it is let go on.
        await other.query(`BEGIN; LOCK TABLE ${table} IN SHARE MODE`);
        const copying = scene.startCopy();
        await waitUntilInserting(scene, table);
        if (table === 'users') {
          // No server can start on it and acknowledge what the copy does not have.
          const path = databasePathOf({ database: file });
          await expect(openDatabase(path, runtime)).rejects.toThrow(/another process holds a lock/);
        }
        copying.kill();
        expect((await copying.ended).exitCode).toBeNull();
        await other.query('ROLLBACK');
        await expect(scene.compose(target)).rejects.toThrow(/copy into the database/);
      }
      const copied = await scene.startCopy().ended;
      expect(copied).toMatchObject({ exitCode: 0, err: expect.stringMatching(/Rereading users/) });
      expect(copied.out).toMatch(/^users +1100 {2}\w{16}\nsessions +2201 /m);
      const check = await scene.run('copy', '--check', `--from=${file}`, `--to=${target}`);
      expect(check).toMatchObject({ exitCode: 0 });

      await using after = await scene.compose(target);
      const { accounts } = after;
      const left = tokens.values();
      await Promise.all(
        Array.from({ length: 8 }, async () => {
          for (const token of left) await refreshSession(accounts, token, somewhere);
        }),
      );
      const { user } = await login(accounts, { username: 'member-1', password }, somewhere);
      expect(user.name).toBe('Zoë {1}, "\\" 🙂');
      // The next one is behind all that came.
      const event = newEvent();
      await accounts.store.createUser({ user: newUser(), passwordHash: '', session: null, event });
      expect(await scene.run('audit', 'verify')).toMatchObject({ exitCode: 0 });
    },
  );

  test('what cannot be copied is left as it is, with what to do', async () => {
    await using scene = await createScene();
    const { file, target, other } = scene;
    const copy = ['copy', `--from=${file}`, `--to=${target}`];
    expect(await scene.run(...copy)).toEqual(refused(/^--from: there is no database\./));
    {
      await using serving = await scene.compose(file);
      await populate(serving, { users: 2, sessions: 2 });
      expect(await scene.run(...copy)).toEqual(refused(/^--from: another process has .* open/));
    }
    expect(await scene.run('copy', `--from=${target}`, `--to=${file}`)).toEqual(
      refused(/^--from: PostgreSQL is only copied to/),
    );
    expect(await scene.run('copy', `--from=${file}`, `--to=${file}`)).toEqual(
      refused(/^--to: SQLite is only copied from/),
    );
    expect(await scene.run('copy', '--from=hunter2', `--to=${target}`)).toEqual(
      refused(/^--from: not valid/),
    );
    {
      await using _served = await scene.compose(target);
    }
    expect(await scene.run(...copy)).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(/^--to: the database has data of its own \(signing_keys, audit/m),
    });
    expect(await scene.run('copy', '--check', ...copy.slice(1))).toMatchObject({
      exitCode: 1,
      out: expect.stringMatching(/^users +2 +0 .* no$/m),
      err: expect.stringMatching(/^They have other rows in users, sessions/m),
    });
    await other.query(
      'CREATE TABLE copy_progress (table_name text, last_key json, rows bigint, digest text)',
    );
    expect(await scene.run(...copy)).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(/^--to: the copy in it .* --restart\.$/m),
    });
  });

  test('a copy goes on with nothing but what it began with', async () => {
    await using scene = await createScene();
    const { file, target, other } = scene;
    {
      await using before = await scene.compose(file);
      await populate(before, { users: 2, sessions: 2 });
    }
    const copy = ['copy', `--from=${file}`, `--to=${target}`];
    await scene.run('migrate');
    await other.query(
      `CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN NEW.name := 'spoilt'; RETURN NEW; END $$;
       CREATE TRIGGER spoil BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION spoil()`,
    );
    expect(await scene.run(...copy)).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(/^--to: users have other rows .* --restart\.$/m),
    });
    await other.query('DROP TRIGGER spoil ON users');
    {
      await using meanwhile = await scene.compose(file);
      const { store } = meanwhile.accounts;
      const userId = (await store.listUsers({ limit: 1 }))[0]?.id ?? '';
      await store.updateProfile({ userId, name: 'New', at: runtime.now(), event: newEvent() });
    }
    expect(await scene.run(...copy)).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(/^--from: users are not those .* --restart\.$/m),
    });
    expect(await scene.run(...copy, '--restart')).toMatchObject({ exitCode: 0 });
    expect(await scene.run('copy', '--check', ...copy.slice(1))).toMatchObject({ exitCode: 0 });
  });

  test('no password is shown, whatever goes wrong', async () => {
    await using scene = await createScene();
    {
      await using _before = await scene.compose(scene.file);
    }
    const url = new URL(scene.target);
    url.password = 'hunter2';
    for (const change of [
      () => url.searchParams.set('sslmode', 'verify-full'),
      () => (url.pathname = '/latchkey_copy_nobody_made_this'),
      () => (url.port = '1'),
    ]) {
      change();
      const outcome = await scene.run('copy', `--from=${scene.file}`, `--to=${url.href}`);
      expect(outcome).toEqual(refused(/^Every user of this machine .*\n--to: /));
      expect(outcome.err).not.toMatch(/hunter2|DATABASE_URL:/);
    }
  });
});

function refused(err: RegExp): object {
  return { exitCode: 1, out: '', err: expect.stringMatching(err) };
}
