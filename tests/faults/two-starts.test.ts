import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import {
  createApi,
  refresh,
  register,
  signedInOf,
  type Api,
  type SignedIn,
} from '../contract/api.ts';
import { createFolder, startProcess } from '../contract/server-process.ts';
import { lacks } from '../kit/mode.ts';
import { roundsOf, startTrials, timeoutFor } from './trials.ts';

const starts = roundsOf(50, 2);
const options = { timeout: timeoutFor(starts * 10) };

/** What there is one of, however many processes have started. */
function describeDatabase(path: string): object {
  const database = new Database(path, { readonly: true });
  const all = (query: string): unknown[] => database.prepare(query).pluck().all();
  try {
    return {
      schema: all("SELECT sql FROM sqlite_schema WHERE name <> 'of_the_host' ORDER BY name"),
      migrations: all('SELECT hash FROM __drizzle_migrations'),
      admins: all('SELECT role FROM users'),
      keys: all('SELECT status FROM signing_keys ORDER BY status'),
      events: all('SELECT type FROM audit_events ORDER BY type'),
      damage: [database.pragma('integrity_check', { simple: true })],
    };
  } finally {
    database.close();
  }
}

test.skipIf(lacks("SQLite's file")).each([
  { name: 'no database', prepare: () => {} },
  {
    // As of an application that adds Latchkey.
    name: 'one that needs the first migration',
    prepare(path: string) {
      const database = new Database(path);
      database.exec("CREATE TABLE of_the_host (text); INSERT INTO of_the_host VALUES ('kept')");
      database.close();
    },
  },
])(
  'of two processes that start at once on $name, both serve one and the same',
  options,
  async ({ name, prepare }) => {
    using trials = startTrials(`Two starts at once on ${name}`, false);
    await using alone = await createFolder();
    const values = (path: string) => ({
      DATABASE_URL: `file:${path}`,
      LATCHKEY_RATE_LIMITS: 'off',
    });
    const alonePath = join(alone.path, 'a.db');
    {
      await using server = startProcess(values(alonePath));
      await server.ready;
    }
    const wanted = describeDatabase(alonePath);

    for (let start = 0; start < starts; start += 1) {
      await using folder = await createFolder();
      const path = join(folder.path, 'a.db');
      prepare(path);
      await using one = startProcess(values(path));
      await using other = startProcess(values(path));
      const here = createApi(await one.ready);
      const there = createApi(await other.ready);
      const screens = [one, other].map((server) => server.stdout());
      const isSame = isDeepStrictEqual(describeDatabase(path), wanted);
      trials.count(isSame ? await judge([here, there], screens) : 'not as after one start alone');
    }
    expect(trials.failures).toEqual([]);
  },
);

/** What the two do not share, in words. */
async function judge(
  [here, there]: readonly [Api, Api],
  screens: readonly string[],
): Promise<string | null> {
  const shown = screens.flatMap((screen) => /^ +password +(\S+)$/m.exec(screen)?.[1] ?? []);
  if (shown.length !== 1) return `${shown.length} passwords of an admin were shown`;
  const input = { email: 'admin@latchkey.localhost', password: shown[0] };
  for (const api of [here, there]) {
    const login = await api.mutate('auth.login', { input });
    if (login.status !== 200) return `the admin is not known: ${login.text}`;
  }
  const person = await register(here);
  const answer = await refresh(there, person.refreshToken);
  if (answer.status !== 200) return `two secrets: ${answer.text}`;
  const refreshed = signedInOf(answer);
  for (const { accessToken: token } of [person, refreshed]) {
    for (const api of [here, there]) {
      if ((await api.query('user.me', { token })).status !== 200) return 'a token of the other one';
    }
  }
  const keyOf = ({ accessToken }: SignedIn) => accessToken.split('.')[0];
  return keyOf(person) === keyOf(refreshed) ? null : 'two keys sign';
}
