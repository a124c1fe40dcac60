import { decodeProtectedHeader } from 'jose';
import { expect, test } from 'vitest';
import {
  createApi,
  me,
  refresh,
  register,
  signedInOf,
  valueOf,
  type Api,
  type SignedIn,
} from '../contract/api.ts';
import { startProcess } from '../contract/server-process.ts';
import { roundsOf, startTrials, timeoutFor } from '../faults/trials.ts';
import { withClient } from '../kit/databases.ts';
import { canRun, openGround, startProcesses } from './processes.ts';

const starts = roundsOf(50, 1);

/** What there is one of, however many processes have started. */
function describeDatabase(url: string): Promise<object> {
  return withClient(url, async (client) => {
    const all = async (query: string): Promise<unknown[]> => {
      const { rows } = await client.query<{ value: unknown }>(query);
      return rows.map(({ value }) => value);
    };
    return {
      migrations: await all('SELECT hash AS value FROM __drizzle_migrations ORDER BY hash'),
      admins: await all('SELECT role AS value FROM users'),
      keys: await all('SELECT status AS value FROM signing_keys ORDER BY status'),
      events: await all('SELECT type AS value FROM audit_events ORDER BY type'),
    };
  });
}

/** The variables of a first start that is told of no admin. */
function firstStart({
  LATCHKEY_ADMIN_EMAIL: _email,
  LATCHKEY_ADMIN_PASSWORD: _password,
  ...rest
}: Readonly<Record<string, string>>) {
  return rest;
}

test.skipIf(!canRun)(
  'of three processes that start at once on an empty database, all serve one and the same',
  { timeout: timeoutFor(starts * 20) },
  async () => {
    using trials = startTrials('Three starts at once on an empty database', false);
    const wanted = await (async () => {
      await using ground = await openGround();
      await using server = startProcess(firstStart(ground.variables));
      await server.ready;
      return await describeDatabase(ground.url);
    })();
    for (let start = 0; start < starts; start += 1) {
      await using ground = await openGround();
      const values = firstStart(ground.variables);
      await using one = startProcess(values);
      await using two = startProcess(values);
      await using three = startProcess(values);
      const servers = [one, two, three];
      const apis = (await Promise.all(servers.map(({ ready }) => ready))).map((url) =>
        createApi(url),
      );
      expect(await describeDatabase(ground.url)).toEqual(wanted);
      trials.count(
        await judge(
          apis,
          servers.map((server) => server.stdout()),
        ),
      );
    }
    expect(trials.failures).toEqual([]);
  },
);

/** What they do not share, in words. */
async function judge(apis: readonly Api[], screens: readonly string[]): Promise<string | null> {
  const shown = screens.flatMap((screen) => /^ +password +(\S+)$/m.exec(screen)?.[1] ?? []);
  if (shown.length !== 1) return `${shown.length} passwords of an admin were shown`;
  const input = { email: 'admin@latchkey.localhost', password: shown[0] };
  const signedIn: SignedIn[] = [];
  for (const api of apis) {
    const login = await api.mutate('auth.login', { input });
    if (login.status !== 200) return `the admin is not known: ${login.text}`;
    signedIn.push(signedInOf(login));
  }
  if (new Set(signedIn.map(kidOf)).size !== 1) return 'more than one key signs';
  for (const { accessToken: token, refreshToken } of signedIn) {
    for (const api of apis) {
      if ((await api.query('user.me', { token })).status !== 200) return 'a token of another one';
    }
    const [, second] = apis;
    if (second && (await refresh(second, refreshToken)).status !== 200) return 'two secrets';
  }
  return null;
}

function kidOf({ accessToken }: SignedIn): string | undefined {
  return decodeProtectedHeader(accessToken).kid;
}

const rotations = roundsOf(200, 5);

test.skipIf(!canRun)(
  'after a rotation by one of three, all take the tokens of the new key at once, and go on with the old ones',
  { timeout: timeoutFor(rotations) },
  async () => {
    await using processes = await startProcesses();
    const { apis, adminToken } = processes;
    using trials = startTrials('Rotations by one of three processes', false);
    const people = [await register(apis[0])];
    for (let rotation = 0; rotation < rotations; rotation += 1) {
      const here = apis[rotation % apis.length] ?? apis[0];
      valueOf(await here.mutate('admin.rotateKeys', { token: adminToken }));
      // Of the process that rotated, which signs with the new key from now on.
      people.push(await register(here));
      const newest = people.slice(-4);
      const answers = await Promise.all(
        apis.flatMap((api) =>
          newest.map(({ accessToken: token }) => api.query('user.me', { token })),
        ),
      );
      trials.count(answers.find(({ status }) => status !== 200)?.text ?? null);
    }
    expect(new Set(people.map(kidOf)).size).toBe(rotations + 1);
    for (const person of people) {
      const next = signedInOf(await refresh(apis[1], person.refreshToken));
      expect((await me(apis[2], next.accessToken)).id).toBe(person.user.id);
    }
    expect(trials.failures).toEqual([]);
  },
);
