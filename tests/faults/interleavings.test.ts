import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AccountParts } from '../../server/accounts/account-parts.ts';
import { assemble } from '../../server/latchkey.ts';
import {
  createApi,
  goodPassword,
  refresh,
  refusalOf,
  signedInOf,
  userOf,
  type Answer,
  type Api,
  type SignedIn,
} from '../contract/api.ts';
import { createFolder } from '../contract/server-process.ts';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';
import { endings, findLife, newPassword, type Ending, type Scene } from './endings.ts';
import { rounds, startTrials, timeoutFor, type Trials } from './trials.ts';
import { createStage, forEveryOrder, playInTurns, type Order, type Side } from './turns.ts';

/** The others are ten times as many, and take minutes. */
const isReduced = rounds < 1_000;

/** A call whose answer is kept. */
type Call = (api: Api) => Promise<Answer>;

async function openTheatre() {
  const folder = await createFolder();
  const t = await createTestLatchkey({ database: `file:${join(folder.path, 'a.db')}` });
  const { composition, clock } = t;
  const admins = [
    await t.signInAs({ role: 'admin' }),
    await t.signInAs({ role: 'admin' }),
  ] as const;
  let statements: string[] = [];
  let people = 0;

  function apiOf(accounts: AccountParts): Api {
    const handle = assemble({ ...composition, accounts }, {}).fetchHandler();
    return createApi(composition.settings.url, (url, init) => handle(new Request(url, init)));
  }

  function stageOf(side: string) {
    const stage = createStage(composition.accounts, (name) => {
      statements.push(`${side} ${name}`);
      // No two moments are the same.
      clock.advance(0.001);
    });
    return { ...stage, api: apiOf(stage.accounts) };
  }

  const stages = { left: stageOf('left'), right: stageOf('right') };

  return {
    api: apiOf(composition.accounts),
    adminTokens: admins.map(({ accessToken }) => accessToken) as [string, string],

    async openScene(api: Api): Promise<Scene> {
      people += 1;
      const email = `person-${people}@turns.example`;
      await t.latchkey.createUser({ email, secret: { password: goodPassword } });
      return {
        api,
        own: await t.signInAs({ email }),
        other: await t.signInAs({ email }),
        password: goodPassword,
        adminToken: admins[0].accessToken,
      };
    },

    /** Both calls in that order; `null` when the order is one that is left out. */
    async play(order: Order, calls: { readonly left: Call; readonly right: Call }) {
      statements = [];
      const answers: Partial<Record<Side, Answer>> = {};
      const play = (side: Side) =>
        stages[side].play(async () => {
          answers[side] = await calls[side](stages[side].api);
        });
      const isOwn = await playInTurns(order, play('left'), play('right'));
      const { left, right } = answers;
      if (!left || !right) throw new Error('A call was not answered.');
      return isOwn ? { left, right, statements: statements.join(', ') } : null;
    },

    async close() {
      await t.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

let theatre: Awaited<ReturnType<typeof openTheatre>>;
let trials: Trials;
beforeAll(async () => {
  theatre = await openTheatre();
  trials = startTrials('Every order of the statements of two calls', false);
});
afterAll(async () => {
  trials[Symbol.dispose]();
  await theatre.close();
});

const options = { timeout: timeoutFor(1_000) };

/** What comes of two calls: what went wrong is a text, and an order that is left out `undefined`. */
type Outcome = string | null | undefined;

/** Tries every order, and fails with those in which something went wrong. */
async function expectNoFailure(
  reduced: boolean,
  tryOne: (order: Order) => Promise<Outcome>,
): Promise<void> {
  const before = trials.failures.length;
  await forEveryOrder(reduced, async (order) => {
    const outcome = await tryOne(order);
    if (outcome !== undefined) trials.count(outcome);
  });
  expect(trials.failures.slice(before)).toEqual([]);
}

describe('a refresh, in every order of its statements with those of', () => {
  test.each(endings)('$name: nothing is alive that must not be', options, (ending) =>
    expectNoFailure(isReduced, async (order) => {
      const { api } = theatre;
      const scene = await theatre.openScene(api);
      const { own } = scene;
      const accessTokens = [own.accessToken];
      let atOnce: string | null = null;
      const played = await theatre.play(order, {
        async left(stage) {
          const answer = await refresh(stage, own.refreshToken);
          if (answer.status === 200) accessTokens.push(signedInOf(answer).accessToken);
          return answer;
        },
        async right(stage) {
          const answer = await ending.end({ ...scene, api: stage });
          const tokens = { accessTokens: [...accessTokens], refreshTokens: [] };
          atOnce = await findLife(ending, tokens, [api]);
          return answer;
        },
      });
      if (!played) return undefined;
      const wrong = atOnce ?? (await judgeEnding(ending, scene, played));
      return wrong === null ? null : `${wrong}: ${played.statements}`;
    }),
  );

  test('another with the same token: there is one successor, which works', options, () =>
    expectNoFailure(isReduced, async (order) => {
      const scene = await theatre.openScene(theatre.api);
      const call: Call = (stage) => refresh(stage, scene.own.refreshToken);
      const played = await theatre.play(order, { left: call, right: call });
      if (!played) return undefined;
      const wrong = await judgeRefreshes([played.left, played.right]);
      return wrong === null ? null : `${wrong}: ${played.statements}`;
    }),
  );
});

/** After both acknowledgements. */
async function judgeEnding(
  ending: Ending,
  scene: Scene,
  { left, right }: { readonly left: Answer; readonly right: Answer },
): Promise<string | null> {
  const { api, own, other } = scene;
  if (right.status !== 200) return `not done: ${right.text}`;
  const refreshed = left.status === 200 ? signedInOf(left) : null;
  if (!refreshed && refusalOf(left) !== ending.refusal) return `refused: ${left.text}`;
  const all = (name: 'accessToken' | 'refreshToken') => [
    own[name],
    ...(refreshed ? [refreshed[name]] : []),
  ];
  const tokens = { accessTokens: all('accessToken'), refreshTokens: all('refreshToken') };
  const life = await findLife(ending, tokens, [api]);
  if (life !== null) return life;
  if (ending.endsOther) {
    const others = { accessTokens: [other.accessToken], refreshTokens: [other.refreshToken] };
    const survivor = await findLife({ dead: ['access', 'refresh'] }, others, [api]);
    if (survivor !== null) return `in the other session ${survivor}`;
  }
  const survivor = ending.survivor(scene, right);
  return survivor && judgeRefreshes([await refresh(api, survivor.refreshToken)]);
}

/** Whether all have got the same token, and with it a session that lives. */
async function judgeRefreshes(answers: readonly Answer[]): Promise<string | null> {
  const refused = answers.find(({ status }) => status !== 200);
  if (refused) return `signed out: ${refused.text}`;
  const signedIn = answers.map(signedInOf);
  if (new Set(signedIn.map(({ refreshToken }) => refreshToken)).size > 1) {
    return 'more than one successor';
  }
  for (const { accessToken } of signedIn) {
    const me = await theatre.api.query('user.me', { token: accessToken });
    if (me.status !== 200) return `signed out: ${me.text}`;
  }
  const next = await refresh(theatre.api, signedIn[0]?.refreshToken ?? '');
  return next.status === 200 ? null : `the successor is dead: ${next.text}`;
}

/** A call that changes an account; on the right with values of its own. */
interface Writer {
  readonly name: string;
  write(scene: Scene, adminToken: string): Call;
}

function setRole(role: string): Writer {
  return {
    name: `a change of the role to ${role}`,
    write:
      ({ own }, token) =>
      (api) =>
        api.mutate('admin.setRole', { token, input: { userId: own.user.id, role } }),
  };
}

function changePassword(session: 'own' | 'other', wanted: string): Writer {
  return {
    name: `a change of the password in the ${session} session`,
    write: (scene) => (api) =>
      api.mutate('user.changePassword', {
        token: scene[session].accessToken,
        input: { currentPassword: scene.password, newPassword: wanted },
      }),
  };
}

const disable: Writer = {
  name: 'disabling',
  write:
    ({ own }, token) =>
    (api) =>
      api.mutate('admin.disableUser', { token, input: { userId: own.user.id } }),
};
const remove: Writer = {
  name: 'deletion',
  write:
    ({ own, password }) =>
    (api) =>
      api.mutate('user.delete', { token: own.accessToken, input: { password } }),
};
const logout: Writer = {
  name: 'logout',
  write:
    ({ own }) =>
    (api) =>
      api.mutate('auth.logout', { input: { refreshToken: own.refreshToken } }),
};
const signIn: Writer = {
  name: 'a sign-in',
  write:
    ({ own, password }) =>
    (api) =>
      api.mutate('auth.login', { input: { email: own.user.email, password } }),
};
const passwords = [goodPassword, newPassword, `${newPassword} 2`] as const;

interface Pair {
  readonly left: Writer;
  readonly right: Writer;
  /** An end that neither has after the other, and that is right when their writes came in this order. */
  readonly alsoRight?: { readonly end: string; readonly order: RegExp };
}

/** Those that touch the same rows. */
const pairs: readonly Pair[] = [
  { left: disable, right: disable },
  { left: disable, right: setRole('admin') },
  { left: disable, right: logout },
  { left: disable, right: changePassword('own', passwords[1]) },
  { left: setRole('admin'), right: setRole('user') },
  { left: setRole('admin'), right: logout },
  { left: setRole('admin'), right: changePassword('own', passwords[1]) },
  { left: logout, right: logout },
  {
    left: logout,
    right: changePassword('own', passwords[1]),
    // The token was good when it was looked at. It is the session that ends, whatever its key is then.
    alsoRight: {
      end: 'left done, right done, active user, right is dead, own is dead, other is dead, password 1',
      order: /right changePassword.*left revokeSessions/,
    },
  },
  { left: logout, right: changePassword('other', passwords[1]) },
  { left: changePassword('own', passwords[1]), right: changePassword('own', passwords[2]) },
  { left: changePassword('own', passwords[1]), right: changePassword('other', passwords[2]) },
  { left: signIn, right: disable },
  { left: signIn, right: setRole('admin') },
  { left: signIn, right: changePassword('own', passwords[1]) },
  { left: signIn, right: remove },
  { left: remove, right: changePassword('own', passwords[1]) },
  {
    left: remove,
    right: setRole('admin'),
    // A call goes on that was let in with the old role: what it needs is the password.
    alsoRight: {
      end: 'left done, right done, deleted, own is dead, other is dead',
      order: /right setRole.*left deleteUser/,
    },
  },
];

describe('in every order of their statements', () => {
  test.each(pairs.map((pair) => ({ ...pair, name: `${pair.left.name} and ${pair.right.name}` })))(
    '$name end as one after the other would',
    options,
    async ({ left, right, alsoRight }) => {
      const { api, adminTokens } = theatre;
      async function play(order: Order) {
        const scene = await theatre.openScene(api);
        const played = await theatre.play(order, {
          left: left.write(scene, adminTokens[0]),
          right: right.write(scene, adminTokens[1]),
        });
        return played && { end: await describeEnd(scene, played), statements: played.statements };
      }
      const allowed = new Set<string | undefined>();
      for (const first of ['left', 'right'] as const) {
        allowed.add((await play({ choose: () => first, isReduced: false }))?.end);
      }
      // All of them would be millions, of two changes of a password.
      await expectNoFailure(true, async (order) => {
        const played = await play(order);
        if (!played) return undefined;
        const { end, statements } = played;
        const isAlsoRight = end === alsoRight?.end && alsoRight.order.test(statements);
        return isAlsoRight || allowed.has(end) ? null : `${end}: ${statements}`;
      });
    },
  );
});

/** What became of the two calls and is left of the account; the same text for the same end. */
async function describeEnd(
  { own, other, adminToken }: Scene,
  { left, right }: { readonly left: Answer; readonly right: Answer },
): Promise<string> {
  const { api } = theatre;
  const facts = [`left ${outcomeOf(left)}`, `right ${outcomeOf(right)}`];
  const old: readonly (readonly [string, SignedIn])[] = [
    ['own', own],
    ['other', other],
  ];
  const signIns = [...newSignIn('left', left), ...newSignIn('right', right), ...old];
  const found = await api.query('admin.getUser', {
    token: adminToken,
    input: { userId: own.user.id },
  });
  const user = found.status === 200 ? userOf(found) : null;
  facts.push(user ? `${user.status} ${user.role}` : 'deleted');
  for (const [name, { accessToken: token, refreshToken }] of signIns) {
    const me = await api.query('user.me', { token });
    if (me.status === 200 && userOf(me).role !== user?.role) facts.push(`${name} has another role`);
    // A new one of an older role is stale or not, as its session was read: both ends are right.
    if (me.status === 200 && old.some(([each]) => each === name)) facts.push(`${name} is in`);
    const refreshed = await refresh(api, refreshToken);
    facts.push(`${name} ${refreshed.status === 200 ? 'lives' : 'is dead'}`);
  }
  await api.mutate('admin.enableUser', { token: adminToken, input: { userId: own.user.id } });
  for (const [index, password] of passwords.entries()) {
    const input = { email: own.user.email, password };
    const login = await api.mutate('auth.login', { input });
    if (login.status === 200) facts.push(`password ${index}`);
  }
  return facts.join(', ');
}

function outcomeOf({ status }: Answer): string {
  return status === 200 ? 'done' : 'refused';
}

function newSignIn(name: string, answer: Answer): (readonly [string, SignedIn])[] {
  return answer.status === 200 && answer.text.includes('accessToken')
    ? [[name, signedInOf(answer)]]
    : [];
}
