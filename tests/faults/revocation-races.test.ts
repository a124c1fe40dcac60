import { setImmediate as turnOfEventLoop } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  goodPassword,
  login,
  refresh,
  register,
  signedInOf,
  type Answer,
  type Api,
  type SignedIn,
} from '../contract/api.ts';
import { admin, openOneProcess, openTwoProcesses, type Servers } from './servers.ts';
import { createDice, rounds, startTrials, timeoutFor, type Dice } from './trials.ts';

/** Somebody with two sessions; the first is the one that is being refreshed. */
interface Scene {
  readonly api: Api;
  readonly own: SignedIn;
  readonly other: SignedIn;
  readonly adminToken: string;
}

/** A way to end what a session may do. */
interface Ending {
  readonly name: string;
  end(scene: Scene): Promise<Answer>;
  /** What must not be good for anything any more. */
  readonly dead: readonly ('access' | 'access of the old role' | 'refresh')[];
}

const both = ['access', 'refresh'] as const;
const newPassword = 'another battery, another staple';

const endings: readonly Ending[] = [
  {
    name: 'logout by refresh token',
    dead: both,
    end: ({ api, own }) => api.mutate('auth.logout', { input: { refreshToken: own.refreshToken } }),
  },
  {
    name: 'logout by access token',
    dead: both,
    end: ({ api, own }) => api.mutate('auth.logout', { token: own.accessToken }),
  },
  {
    name: 'revocation of the other sessions',
    dead: both,
    end: ({ api, other }) => api.mutate('session.revokeOthers', { token: other.accessToken }),
  },
  {
    name: 'revocation by an admin',
    dead: both,
    end: ({ api, own, adminToken }) =>
      api.mutate('admin.revokeSessions', { token: adminToken, input: { userId: own.user.id } }),
  },
  {
    name: 'disabling',
    dead: both,
    end: ({ api, own, adminToken }) =>
      api.mutate('admin.disableUser', { token: adminToken, input: { userId: own.user.id } }),
  },
  {
    name: 'a change of the role',
    dead: ['access of the old role'],
    end: ({ api, own, adminToken }) =>
      api.mutate('admin.setRole', {
        token: adminToken,
        input: { userId: own.user.id, role: 'admin' },
      }),
  },
  {
    name: 'a change of the password in another session',
    dead: both,
    end: ({ api, other }) =>
      api.mutate('user.changePassword', {
        token: other.accessToken,
        input: { currentPassword: goodPassword, newPassword },
      }),
  },
  {
    name: 'a change of the password in the same session',
    dead: ['refresh'],
    end: ({ api, own }) =>
      api.mutate('user.changePassword', {
        token: own.accessToken,
        input: { currentPassword: goodPassword, newPassword },
      }),
  },
  {
    name: 'deletion',
    dead: both,
    end: ({ api, own }) =>
      api.mutate('user.delete', { token: own.accessToken, input: { password: goodPassword } }),
  },
];

/** Two for each round: in either setting, each way comes so often. */
const trialsOfEach = Math.ceil(rounds / endings.length);

describe.each([
  ['one process', openOneProcess, 6],
  ['two processes', openTwoProcesses, 60],
] as const)('%s', (where, open, spread) => {
  const trials = startTrials(`Refreshes against what ends a session, ${where}`);
  let servers: Servers;
  let adminToken: string;
  beforeAll(async () => {
    servers = await open();
    const { apis } = servers;
    const answer = await apis[0].mutate('auth.login', { input: admin });
    adminToken = signedInOf(answer).accessToken;
  }, timeoutFor(0));
  afterAll(async () => {
    trials[Symbol.dispose]();
    await servers[Symbol.asyncDispose]();
  });

  test.each(endings)(
    'nothing is alive after the acknowledgement of $name',
    { timeout: timeoutFor(trialsOfEach) },
    async (ending) => {
      const dice = createDice(3);
      const before = trials.failures.length;
      for (let trial = 0; trial < trialsOfEach; trial += 1) {
        trials.count(await tryOnce(ending, dice));
      }
      expect(trials.failures.slice(before)).toEqual([]);
    },
  );

  async function tryOnce(ending: Ending, dice: Dice): Promise<string | null> {
    const pick = () => servers.apis[dice.roll(servers.apis.length)] ?? servers.apis[0];
    const own = await register(pick());
    const scene = { api: pick(), own, other: await login(pick(), own.user.email), adminToken };
    const accessTokens = [own.accessToken];
    const refreshTokens = [own.refreshToken];

    /** Refreshes generation after generation, each at once in several calls, until it is refused. */
    async function keepRefreshing(turns: number): Promise<void> {
      await wait(turns);
      for (let token = own.refreshToken, more = 3; more > 0; more -= 1) {
        const presented = token;
        const answers = await Promise.all([0, 1, 2].map(() => refresh(pick(), presented)));
        const signedIn = answers.filter(({ status }) => status === 200).map(signedInOf);
        accessTokens.push(...signedIn.map(({ accessToken }) => accessToken));
        refreshTokens.push(...signedIn.map(({ refreshToken }) => refreshToken));
        if (signedIn.length < answers.length) return;
        token = refreshTokens.at(-1) ?? token;
      }
    }

    async function end(turns: number): Promise<string | null> {
      await wait(turns);
      const answer = await ending.end(scene);
      if (answer.status !== 200) return `refused: ${answer.text}`;
      return findLife(ending, { accessTokens: [...accessTokens], refreshTokens: [] }, [scene.api]);
    }

    const [atOnce] = await Promise.all([end(dice.roll(spread)), keepRefreshing(dice.roll(spread))]);
    return atOnce ?? findLife(ending, { accessTokens, refreshTokens }, servers.apis);
  }
});

async function wait(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await turnOfEventLoop();
}

/** A token that still does what it must not do, in words. */
async function findLife(
  { dead }: Ending,
  tokens: { readonly accessTokens: readonly string[]; readonly refreshTokens: readonly string[] },
  apis: readonly Api[],
): Promise<string | null> {
  for (const api of apis) {
    for (const token of tokens.accessTokens) {
      const isOfOldRole = dead.includes('access of the old role') && roleOf(token) === 'user';
      if (!dead.includes('access') && !isOfOldRole) continue;
      const me = await api.query('user.me', { token });
      if (me.status === 200) return `an access token is alive: ${me.text}`;
    }
    // The newest first: an older one would be a reuse, and end the session itself.
    for (const token of dead.includes('refresh') ? tokens.refreshTokens.toReversed() : []) {
      const refreshed = await refresh(api, token);
      if (refreshed.status === 200) return 'a refresh token is alive';
    }
  }
  return null;
}

function roleOf(accessToken: string): unknown {
  const claims = Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString();
  return (JSON.parse(claims) as { role?: unknown }).role;
}
