import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ConfigurationError } from '../../server/config/configuration-error.ts';
import { silentLogger } from '../../server/logger.ts';
import {
  createApi,
  errorOf,
  goodPassword,
  refresh,
  userOf,
  type Answer,
  type Api,
} from '../contract/api.ts';
import { holdLock } from '../contract/database-lock.ts';
import { createFolder } from '../contract/server-process.ts';
import { createTestLatchkey, testPassword } from '../kit/create-test-latchkey.ts';
import { lacks } from '../kit/mode.ts';
import { roundsOf, startTrials, timeoutFor } from './trials.ts';

/** A server in this process over a socket, and its own connection to its database. */
async function openScene() {
  const folder = await createFolder();
  const path = join(folder.path, 'a.db');
  const pragma = vi.spyOn(Database.prototype, 'pragma');
  const warnings: object[] = [];
  const logger = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) };
  const t = await createTestLatchkey({ database: `file:${path}`, logger });
  const database = pragma.mock.contexts[0] as Database.Database; // Whatever has a pragma called is one.
  pragma.mockRestore();
  return {
    t,
    path,
    folder: folder.path,
    database,
    warnings,
    api: createApi((await t.serve()).url),
    async close() {
      await t.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

let scene: Awaited<ReturnType<typeof openScene>>;
beforeEach(async () => {
  scene = await openScene();
});
afterEach(() => scene.close());

function expectOverloaded(answer: Answer): void {
  expect(answer.status).toBe(503);
  expect(errorOf(answer).data).toMatchObject({ reason: 'overloaded', retryAfter: 1 });
  expect(answer.headers.get('retry-after')).toBe('1');
}

function rename(api: Api, token: string, name: string): Promise<Answer> {
  return api.mutate('user.update', { token, input: { name } });
}

function logout(api: Api, refreshToken: string): Promise<Answer> {
  return api.mutate('auth.logout', { input: { refreshToken } });
}

describe('while another process holds the lock', () => {
  // Of PostgreSQL fifty would wait for ten connections, and the rest be told to come again.
  test.skipIf(lacks("SQLite's file"))(
    'signed-in calls are answered, and writers wait until it lets go',
    async () => {
      const { api, t, path } = scene;
      const { accessToken: token } = await t.signInAs();
      const lock = await holdLock(path);
      let written = 0;
      const writing = Array.from({ length: 50 }, async (_, n) => {
        const answer = await rename(api, token, `Name ${n}`);
        expect(answer.status).toBe(200);
        written += 1;
      });
      for (let n = 0; n < 10; n += 1) {
        const me = userOf(await api.query('user.me', { token }));
        expect(me.name).toBeNull();
      }
      expect((await api.send('/health/ready')).status).toBe(200);
      expect(written).toBe(0);
      await lock.release();
      await Promise.all(writing);
      expect(userOf(await api.query('user.me', { token })).name).toMatch(/^Name /);
    },
  );

  test('and does not let go, writers are told to come again, and nothing has changed', async () => {
    const { api, t, path } = scene;
    const own = await t.signInAs();
    const { accessToken: token, refreshToken } = own;
    const lock = await holdLock(path);
    const write = () =>
      Promise.all([
        rename(api, token, 'New'),
        refresh(api, refreshToken),
        logout(api, refreshToken),
        api.mutate('auth.login', { input: { email: own.user.email, password: testPassword } }),
        api.mutate('session.revokeAll', { token }),
      ]);
    for (const answer of await write()) expectOverloaded(answer);
    expect(userOf(await api.query('user.me', { token }))).toEqual(own.user);
    await lock.release();

    expect((await refresh(api, refreshToken)).status).toBe(200);
    expect((await rename(api, token, 'New')).status).toBe(200);
    expect((await logout(api, refreshToken)).status).toBe(200);
    expect((await api.query('user.me', { token })).status).toBe(401);
  });
});

describe.skipIf(lacks('the one connection to a file')).each([
  { fault: 'full', code: 'SQLITE_FULL', breakIt: fillUp, remedy: 'max_page_count = 1000000' },
  {
    fault: 'read-only',
    code: 'SQLITE_READONLY',
    breakIt: makeReadOnly,
    remedy: 'query_only = OFF',
  },
])('on a database that is $fault', ({ fault, code, breakIt, remedy }) => {
  const people = roundsOf(2_000, 20);
  const options = { timeout: timeoutFor(people) };

  test(
    'no logout is acknowledged that is not kept; calls go on that only read',
    options,
    async () => {
      const { api, t, database, folder, path } = scene;
      using trials = startTrials(`Logouts on a database that is ${fault}`, false);
      const signedIn = [];
      for (let n = 0; n < people; n += 1) signedIn.push(await t.signInAs());
      breakIt(database);
      const acknowledged = new Set<string>();
      for (const { refreshToken, user } of signedIn) {
        const answer = await logout(api, refreshToken);
        if (answer.status === 200) acknowledged.add(user.id);
        else expectOverloaded(answer);
      }
      // The files as they are now are what a process finds that starts after a kill.
      const copy = join(folder, 'copy.db');
      for (const end of ['', '-wal']) await cp(path + end, copy + end);
      const kept = new Database(copy);
      const live = kept.prepare<[string]>(
        'SELECT 1 FROM sessions WHERE user_id = ? AND revoked_at IS NULL',
      );
      for (const { accessToken: token, user } of signedIn) {
        const isAlive = live.get(user.id) !== undefined;
        const isAnswered = (await api.query('user.me', { token })).status === 200;
        const isWanted = !acknowledged.has(user.id);
        const isRight = isAlive === isWanted && isAnswered === isWanted;
        trials.count(isRight ? null : `acknowledged: ${!isWanted}, in the file: ${!isAlive}`);
      }
      kept.close();
      expect(trials.failures).toEqual([]);
      // Else nothing was tried.
      expect(acknowledged.size).toBeLessThan(people);
    },
  );

  test('every write is refused until it is mended, and then done without a start', async () => {
    const { api, t, database, warnings } = scene;
    const own = await t.signInAs();
    const leaving = await t.signInAs();
    breakIt(database);
    await fill(api, own.accessToken);
    const input = { email: 'new@wire.example', password: goodPassword };
    expectOverloaded(await api.mutate('auth.register', { input }));
    expectOverloaded(
      await api.mutate('auth.login', { input: { email: own.user.email, password: testPassword } }),
    );
    const token = own.accessToken;
    expect((await api.query('user.me', { token })).status).toBe(200);
    expect((await api.query('session.list', { token })).status).toBe(200);
    expect((await api.send('/.well-known/jwks.json')).status).toBe(200);

    // Whoever runs the server finds the reason in its log.
    const warning: unknown = expect.objectContaining({ path: 'auth.register', code });
    expect(warnings).toContainEqual(warning);

    database.pragma(remedy);
    expect((await api.mutate('auth.register', { input })).status).toBe(200);
    expect((await rename(api, token, 'After')).status).toBe(200);
    expect((await logout(api, leaving.refreshToken)).status).toBe(200);
    expect((await api.query('user.me', { token: leaving.accessToken })).status).toBe(401);
  });
});

/** From here on the file may not grow. */
function fillUp(database: Database.Database): void {
  const pages = String(database.pragma('page_count', { simple: true }));
  database.pragma(`max_page_count = ${pages}`);
}

function makeReadOnly(database: Database.Database): void {
  database.pragma('query_only = ON');
}

test.skipIf(lacks("SQLite's file"))(
  'a first start that cannot write ends with one line',
  async () => {
    const { pragma } = Database.prototype;
    const spy = vi.spyOn(Database.prototype, 'pragma');
    spy.mockImplementation(function (this: Database.Database, source, options) {
      const result = pragma.call(this, source, options);
      // The last one of opening: the tables are there, and the keys are not yet.
      if (source === 'foreign_keys = ON') pragma.call(this, 'query_only = ON');
      return result;
    });
    const started = createTestLatchkey({ database: `file:${join(scene.folder, 'first.db')}` });
    const error = await started.catch((error: unknown) => error);
    spy.mockRestore();
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(String(error)).toMatch(/DATABASE_URL: the database may only be read\. .*\.$/);
  },
);

/** Writes until nothing more goes in. */
async function fill(api: Api, token: string): Promise<void> {
  let answer: Answer;
  let n = 0;
  do {
    n += 1;
    answer = await rename(api, token, `Name ${n}`);
  } while (answer.status === 200);
  expectOverloaded(answer);
}
