import { setImmediate as turnOfEventLoop } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { goodPassword, login, refresh, register, signedInOf } from '../contract/api.ts';
import { endings, findLife, type Ending } from './endings.ts';
import { admin, openOneProcess, openTwoProcesses, type Servers } from './servers.ts';
import { createDice, roundsOf, startTrials, timeoutFor, type Dice } from './trials.ts';

/** In either setting, each way comes so often. */
const trialsOfEach = Math.ceil(roundsOf(1_000, 18) / endings.length);

describe.each([
  ['one process', openOneProcess, 6],
  ['two processes', openTwoProcesses, 60],
] as const)('%s', (where, open, spread) => {
  const trials = startTrials(`Refreshes against what ends a session, ${where}`, true);
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
      const dice = createDice();
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
    const other = await login(pick(), own.user.email);
    const scene = { api: pick(), own, other, password: goodPassword, adminToken };
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
