import { randomBytes } from 'node:crypto';
import { chmod, cp, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { hasPostgres, postgresUrl } from '../../server/store/postgres/testing/postgres-server.ts';
import { assertSqliteVersion } from '../../server/store/sqlite/open-database.ts';
import {
  createApi,
  goodPassword,
  me,
  refresh,
  refusals,
  register,
  signedInOf,
  userPageOf,
  whatWorks,
  type Answer,
  type SignedIn,
} from '../contract/api.ts';
import { holdLock } from '../contract/database-lock.ts';
import { createFolder, startProcess } from '../contract/server-process.ts';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';
import { createDatabase, dropDatabases, urlOf, withClient } from '../kit/databases.ts';
import { lacks, mode } from '../kit/mode.ts';
import { runSql } from '../kit/run-sql.ts';
import { inGroups, login, outcomeOf, range, startTarget, tally, type Target } from './target.ts';

const overloaded = '503 SERVICE_UNAVAILABLE overloaded';
const alive = { me: true, refresh: true };
const dead = { me: false, refresh: false };

interface Scene {
  readonly target: Target;
  readonly folder: string;
  readonly path: string;
  /** The server's own connection. */
  readonly database: Database.Database;
}

let scene: Scene;
let close: () => Promise<void>;
beforeEach(async () => {
  const folder = await createFolder();
  const path = join(folder.path, 'a.db');
  const pragma = vi.spyOn(Database.prototype, 'pragma');
  const target = await startTarget({ database: `file:${path}` });
  const database = pragma.mock.contexts[0] as Database.Database; // Whatever has a pragma called is one.
  pragma.mockRestore();
  scene = { target, folder: folder.path, path, database };
  close = async () => {
    await target[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  };
});
afterEach(async () => {
  await scene.target.assertUnharmed();
  await close();
});

function logout(refreshToken: string): Promise<Answer> {
  return scene.target.api.mutate('auth.logout', { input: { refreshToken } });
}

async function expectIntact(path: string): Promise<void> {
  // The files of PostgreSQL are its own affair.
  if (mode.database !== null) return;
  expect(await runSql(path, 'PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
}

test('S-02 while the database is locked writers are told to come again, and then all goes on', async () => {
  const { target, path } = scene;
  const { api, victim } = target;
  const lock = await holdLock(path);
  const writers = range(50).map((index) =>
    api.mutate('user.update', { token: victim.accessToken, input: { name: `Name ${index}` } }),
  );
  expect((await me(api, victim.accessToken)).id).toBe(victim.user.id);
  const answers = await Promise.all(writers);
  expect(tally(answers.map(outcomeOf))).toEqual({ [overloaded]: 50 });
  expect(answers.every(({ headers }) => headers.get('retry-after') === '1')).toBe(true);
  await lock.release();
  expect(outcomeOf(await refresh(api, (await register(api)).refreshToken))).toBe('answered');
});

test.skipIf(lacks('the one connection to a file'))(
  'S-03 on a full disk no logout is acknowledged that is not kept, and with space it goes on',
  async () => {
    const { target, database, folder, path } = scene;
    const { api } = target;
    const people = await inGroups(range(30), 10, () => register(api));
    database.pragma(`max_page_count = ${String(database.pragma('page_count', { simple: true }))}`);
    const outcomes = await inGroups(people, 1, async ({ refreshToken }) =>
      outcomeOf(await logout(refreshToken)),
    );
    expect(outcomes).toContain(overloaded);
    const other = await api.mutate('auth.register', {
      input: { email: 'full@storage.example', password: goodPassword },
    });
    expect(outcomeOf(other)).toBe(overloaded);
    // What a process finds that starts after a kill.
    const copy = join(folder, 'copy.db');
    for (const end of ['', '-wal']) await cp(path + end, copy + end);
    const ended = await runSql(copy, 'SELECT user_id FROM sessions WHERE revoked_at IS NOT NULL');
    const acknowledged = people.filter((_, index) => outcomes[index] === 'answered');
    expect(ended.map(({ user_id: id }) => String(id)).toSorted()).toEqual(
      acknowledged.map(({ user }) => user.id).toSorted(),
    );
    for (const [index, person] of people.entries()) {
      const isAlive = (await api.query('user.me', { token: person.accessToken })).status === 200;
      expect(isAlive).toBe(outcomes[index] === overloaded);
    }
    database.pragma('max_page_count = 1000000');
    for (const person of people) {
      await logout(person.refreshToken);
      expect(await whatWorks(api, person)).toEqual(dead);
    }
  },
);

test.skipIf(lacks('the one connection to a file'))(
  'S-04 a database that cannot be used is a refusal to start, or 503 later',
  async () => {
    const { target, folder, database } = scene;
    const { api, victim } = target;
    database.pragma('query_only = ON');
    expect(outcomeOf(await logout(victim.refreshToken))).toBe(overloaded);
    expect(outcomeOf(await api.query('user.me', { token: victim.accessToken }))).toBe('answered');
    database.pragma('query_only = OFF');
    const blocked = join(folder, 'a-file');
    await cp(scene.path, blocked);
    await chmod(blocked, 0o400);
    const places = [folder, join(blocked, 'inside.db'), '/proc/latchkey.db'];
    // Whoever runs this as root may write to every file.
    if (process.getuid?.() !== 0) places.push(blocked);
    for (const place of places) {
      await using server = startProcess({ DATABASE_URL: `file:${place}` });
      expect((await server.ended).code).toBe(1);
      expect(server.stderr()).toMatch(/DATABASE_URL|LATCHKEY_SECRET/);
    }
  },
);

test('S-05 killed three times under load, what was acknowledged is kept (500 times: npm run test:faults)', async () => {
  await using folder = await createFolder();
  const path = join(folder.path, 'a.db');
  const variables = {
    DATABASE_URL: `file:${path}`,
    LATCHKEY_RATE_LIMITS: 'off',
    LATCHKEY_LOG_LEVEL: 'silent',
  };
  const known: SignedIn[] = [];
  const ended: SignedIn[] = [];
  for (const round of range(3)) {
    await using server = startProcess(variables);
    const api = createApi(await server.ready);
    for (const person of ended) expect(await whatWorks(api, person)).toEqual(dead);
    const writes = range(30).map(async (index) => {
      const input = { email: `kill-${round}-${index}@storage.example`, password: goodPassword };
      const person = signedInOf(await api.mutate('auth.register', { input }));
      known.push(person);
      if (index % 2 === 1) return;
      await api.mutate('auth.logout', { input: { refreshToken: person.refreshToken } });
      ended.push(person);
    });
    await Promise.any(writes);
    server.kill('SIGKILL');
    await server.ended;
    await Promise.allSettled(writes);
    await expectIntact(path);
  }
  await using server = startProcess(variables);
  const api = createApi(await server.ready);
  expect(known.length).toBeGreaterThan(0);
  for (const { user } of known) {
    const input = { email: user.email, password: goodPassword };
    expect(outcomeOf(await login(api, input))).toBe('answered');
  }
  for (const person of ended) expect(await whatWorks(api, person)).toEqual(dead);
});

test.skipIf(lacks("SQLite's file"))(
  'S-06 of two processes that start on nothing at once, both serve one schema; killed in between, the next does',
  async () => {
    await using folder = await createFolder();
    const variables = {
      DATABASE_URL: `file:${join(folder.path, 'new', 'a.db')}`,
      LATCHKEY_URL: 'http://localhost:4000',
    };
    {
      const first = startProcess(variables);
      // Killed somewhere between its start and its first answer.
      while ((await readdir(folder.path)).length === 0) await stat(folder.path);
      first.kill('SIGKILL');
      await first.ended;
    }
    await using one = startProcess(variables);
    await using two = startProcess(variables);
    const [a, b] = [createApi(await one.ready), createApi(await two.ready)];
    const person = await register(a);
    expect(await whatWorks(b, person)).toEqual(alive);
    const applied = await runSql(
      join(folder.path, 'new', 'a.db'),
      'SELECT count(DISTINCT hash) AS d, count(*) AS n FROM __drizzle_migrations',
    );
    expect(applied[0]?.['n']).toBe(applied[0]?.['d']);
  },
);

test('S-07 two processes on one file agree on races and keep it whole (10 minutes: npm run test:faults)', async () => {
  await using folder = await createFolder();
  const path = join(folder.path, 'a.db');
  const variables = {
    DATABASE_URL: `file:${path}`,
    LATCHKEY_URL: 'http://localhost:4000',
    LATCHKEY_RATE_LIMITS: 'off',
  };
  await using one = startProcess(variables);
  await using two = startProcess(variables);
  const apis = [createApi(await one.ready), createApi(await two.ready)] as const;
  for (const _ of range(5)) {
    const person = await register(apis[0]);
    const answers = await Promise.all(
      range(16).map((n) => refresh(apis[n % 2 === 0 ? 0 : 1], person.refreshToken)),
    );
    const successors = new Set(answers.map((answer) => signedInOf(answer).refreshToken));
    expect(successors.size).toBe(1);
  }
  const input = { email: 'both@storage.example', password: goodPassword };
  const registrations = range(12).map((n) =>
    apis[n % 2 === 0 ? 0 : 1].mutate('auth.register', { input }),
  );
  expect(tally((await Promise.all(registrations)).map(outcomeOf))).toEqual({
    answered: 1,
    [refusals.emailTaken]: 11,
  });
  await expectIntact(path);
  if (mode.database !== null) return;
  const [version] = await runSql(path, 'SELECT sqlite_version() AS version');
  expect(version).toBeDefined();
  // Our own SQLite was looked at when it was opened.
  expect(() => assertSqliteVersion('3.51.2')).toThrow('3.51.3');
  expect(scene.database.prepare('SELECT sqlite_version()').pluck().get()).toMatch(
    /^3\.(5[1-9]|[6-9]\d)/,
  );
});

test.skipIf(lacks("SQLite's file"))(
  'S-08 a reader that stays does not stop writers, and the log is bounded once it is gone',
  async () => {
    const { target, path } = scene;
    const reader = new Database(path, { readonly: true });
    const rows = reader.prepare('SELECT id FROM users').iterate();
    rows.next();
    const { accessToken: token } = target.victim;
    for (const index of range(400)) {
      const answer = await target.api.mutate('user.update', {
        token,
        input: { name: `Name ${index % 7}` },
      });
      expect(answer.status).toBe(200);
    }
    const grown = (await stat(`${path}-wal`)).size;
    rows.return?.();
    reader.close();
    for (const _ of range(400)) {
      await target.api.mutate('user.update', { token, input: { name: null } });
    }
    // 1,000 pages are copied back, then the log begins anew in the same file.
    expect((await stat(`${path}-wal`)).size).toBeLessThan(Math.max(grown, 4_200_000) + 4_200_000);
  },
);

test('S-10 clocks that are years off start a server, and what it issues is sane', async () => {
  for (const seconds of [10 * 365 * 86_400, -86_400, -50 * 365 * 86_400]) {
    await using other = await startTarget();
    other.t.clock.advance(seconds);
    const person = await register(other.api);
    expect(person.expiresIn).toBe(900);
    expect(await whatWorks(other.api, person)).toEqual(alive);
    other.t.clock.advance(-seconds);
    expect(
      outcomeOf(await login(other.api, { email: person.user.email, password: goodPassword })),
    ).toBe('answered');
    await other.assertUnharmed().catch((error: unknown) => {
      // Years ahead its session was over; the account is not.
      if (seconds < 0) throw error;
    });
  }
});

test.skipIf(!hasPostgres)(
  'S-11 connections to PostgreSQL that are ended under writes cost a 503, and nothing is done twice',
  async () => {
    const name = `latchkey_s11_${process.pid}`;
    await createDatabase(postgresUrl, name);
    onTestFinished(() => dropDatabases(postgresUrl, name));
    const database = urlOf(postgresUrl, name);
    const secret = randomBytes(32).toString('base64url');
    await using target = await startTarget({ database, databasePool: 4, secret });
    const { api } = target;
    const people = await inGroups(range(8), 8, () => register(api));
    const spent = new Set<string>();
    let isOver = false;
    const acting = people.map(async (person) => {
      const outcomes: string[] = [];
      let current = person;
      while (!isOver) {
        const answer = await refresh(api, current.refreshToken);
        outcomes.push(outcomeOf(answer));
        if (answer.status !== 200) continue;
        expect(spent.has(current.refreshToken)).toBe(false);
        spent.add(current.refreshToken);
        current = signedInOf(answer);
      }
      return { current, outcomes };
    });
    await withClient(postgresUrl, async (client) => {
      for (const _ of range(10)) {
        const before = spent.size;
        await client.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1',
          [name],
        );
        // On the connections that take the place of those.
        await vi.waitFor(() => expect(spent.size).toBeGreaterThan(before + 8), 20_000);
      }
    });
    isOver = true;
    for (const { current, outcomes } of await Promise.all(acting)) {
      expect(Object.keys(tally(outcomes)).filter((each) => each !== 'answered')).toSatisfy(
        (others: string[]) => others.every((each) => each === overloaded),
      );
      expect(await whatWorks(api, current)).toEqual(alive);
    }
    await target.assertUnharmed();
  },
);

test('S-12 text that not every database could keep is refused by each', async () => {
  const { api, victim } = scene.target;
  const { accessToken: token } = victim;
  for (const text of ['a\0b', '\0', 'a\ud800']) {
    expect(outcomeOf(await api.mutate('user.update', { token, input: { name: text } }))).toBe(
      refusals.invalidInput,
    );
    expect(outcomeOf(await api.mutate('user.update', { token, input: { username: text } }))).toBe(
      refusals.invalidInput,
    );
    expect(outcomeOf(await login(api, { email: 'a@b.example', password: text }))).toBe(
      refusals.invalidInput,
    );
  }
});

test.skipIf(lacks("SQLite's file"))(
  'S-14 from a backup, sessions newer than it are gone; what ended since lives again and is to be ended',
  async () => {
    const { target, folder, path, database } = scene;
    const { api } = target;
    const before = await register(api);
    const backup = join(folder, 'backup.db');
    database.exec(`VACUUM INTO '${backup}'`);
    const after = await register(api);
    const { refreshToken } = signedInOf(await refresh(api, before.refreshToken));
    expect((await logout(refreshToken)).status).toBe(200);
    await cp(`${path}.secret`, `${backup}.secret`);
    await using restored = await createTestLatchkey({ database: `file:${backup}` });
    const wire = createApi((await restored.serve()).url);
    expect(outcomeOf(await refresh(wire, after.refreshToken))).toBe(refusals.tokenInvalid);
    // There is no epoch in the database: whoever restores revokes what the backup had alive.
    expect(outcomeOf(await refresh(wire, before.refreshToken))).toBe('answered');
    const admin = await restored.signInAs({ role: 'admin' });
    const input = { userId: before.user.id };
    await wire.mutate('admin.revokeSessions', { token: admin.accessToken, input });
    expect(await whatWorks(wire, before)).toEqual(dead);
  },
);

test.skipIf(lacks("SQLite's file"))(
  'S-15 database, log and secret are for their owner alone, whatever the umask',
  async () => {
    const previous = process.umask(0);
    await using folder = await createFolder();
    try {
      const inside = join(folder.path, 'data');
      await using other = await startTarget({ database: `file:${join(inside, 'a.db')}` });
      await register(other.api);
      const modes = await Promise.all(
        (await readdir(inside)).map(async (name) => [
          name,
          (await stat(join(inside, name))).mode & 0o777,
        ]),
      );
      expect(Object.fromEntries(modes)).toEqual({
        'a.db': 0o600,
        'a.db-shm': 0o600,
        'a.db-wal': 0o600,
        'a.db.secret': 0o600,
      });
      expect((await stat(inside)).mode & 0o777).toBe(0o700);
      // A file that was opened to others meanwhile, or came out of an archive so.
      await chmod(join(inside, 'a.db'), 0o666);
      await using _next = await createTestLatchkey({ database: `file:${join(inside, 'a.db')}` });
      expect((await stat(join(inside, 'a.db'))).mode & 0o777).toBe(0o600);
    } finally {
      process.umask(previous);
    }
  },
);

/** What has been tried on other servers, and bent for SQLite. */
const injections = [
  "'",
  '"',
  '`',
  "' OR '1'='1",
  "'; DROP TABLE users; --",
  '" OR ""="',
  '1; ATTACH DATABASE',
  "') UNION SELECT password_hash FROM users --",
  'x%00',
  '\\',
  "\\'; --",
  '%27',
  '${1}',
  '?1',
  ':id',
  '@p',
  '$1',
  "'||(SELECT 1)||'",
  '/**/',
  'NULL',
  "admin'--",
  'sqlite_master',
];

test('S-16 no text is taken for SQL, in any field', async () => {
  const { target, path } = scene;
  const { api, t } = target;
  const count = async () =>
    JSON.stringify(
      await runSql(
        path,
        mode.database === null
          ? 'SELECT (SELECT count(*) FROM users) AS u, (SELECT group_concat(sql) FROM sqlite_schema) AS s'
          : `SELECT (SELECT count(*) FROM users) AS u,
              (SELECT string_agg(table_name || column_name, ',' ORDER BY 1) FROM information_schema.columns
                WHERE table_schema = 'public') AS s`,
      ),
    );
  const admin = await t.signInAs({ role: 'admin' });
  const { accessToken: token } = admin;
  const before = await count();
  // In ten surroundings each: more than two hundred and fifty strings in all.
  const surroundings = ['', 'a', '0', ' ', '--', '(', ')', ';', '%', '\t', 'a@', '-1'];
  const texts = injections.flatMap((text) => surroundings.map((around) => `${around}${text}`));
  expect(texts.length).toBeGreaterThanOrEqual(250);
  const statuses = await inGroups(texts, 10, async (text) => {
    const answers = await Promise.all([
      login(api, { email: text, password: text }),
      login(api, { email: 'nobody@storage.example', password: text }),
      login(api, { username: text, password: text }),
      api.mutate('auth.register', { input: { email: text, password: goodPassword, name: text } }),
      api.mutate('auth.refresh', { input: { refreshToken: text } }),
      api.query('admin.listUsers', { token, input: { search: text } }),
      api.query('admin.listUsers', { token, input: { cursor: text } }),
      api.query('admin.listAuditEvents', { token, input: { type: text } }),
      api.query('admin.getUser', { token, input: { userId: text } }),
      api.mutate('session.revoke', { token, input: { sessionId: text } }),
      api.mutate('user.update', { token, input: { name: text } }),
    ]);
    return answers.map(({ status }) => status);
  });
  expect(statuses.flat().filter((status) => ![200, 400, 401].includes(status))).toEqual([]);
  expect(await count()).toBe(before);
  expect(userPageOf(await api.query('admin.listUsers', { token })).users).toHaveLength(2);
});
