import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { refresh, register, signedInOf, type Answer, type SignedIn } from '../contract/api.ts';
import { openOneProcess, openTwoProcesses, type Servers } from './servers.ts';
import { createDice, roundsOf, startTrials, timeoutFor } from './trials.ts';

const mostAtOnce = 64;
const races = roundsOf(5_000, 12);

/** As many refreshes of one token as wanted, at once, by turns through every process. */
function refreshAtOnce({ apis }: Servers, token: string, times: number): Promise<Answer[]> {
  return Promise.all(
    Array.from({ length: times }, (_, n) => refresh(apis[n % apis.length] ?? apis[0], token)),
  );
}

/** The one session that the answers go on with, or what is wrong with them. */
async function judge(
  { apis }: Servers,
  presented: string,
  answers: readonly Answer[],
): Promise<SignedIn | string> {
  const refused = answers.find(({ status }) => status !== 200);
  if (refused) return `refused: ${refused.text}`;
  const [signedIn, ...others] = answers.map(signedInOf);
  if (!signedIn) return 'no answer';
  const isSame = others.every(({ refreshToken }) => refreshToken === signedIn.refreshToken);
  if (!isSame) return 'more than one successor';
  if (signedIn.refreshToken === presented) return 'the token is its own successor';
  for (const api of apis) {
    const me = await api.query('user.me', { token: signedIn.accessToken });
    if (me.status !== 200) return `signed out: ${me.text}`;
  }
  return signedIn;
}

describe.each([
  ['one process', openOneProcess],
  ['two processes', openTwoProcesses],
] as const)('%s', (where, open) => {
  let servers: Servers;
  beforeAll(async () => {
    servers = await open();
  }, timeoutFor(0));
  afterAll(() => servers[Symbol.asyncDispose]());

  /** Round after round on one session: the successor of one is what the next presents. */
  async function expectNoFailure(
    name: string,
    refreshIt: (token: string, roll: (sides: number) => number) => Promise<Answer[]>,
  ): Promise<void> {
    using trials = startTrials(`${name}, ${where}`, true);
    const dice = createDice();
    let session = await register(servers.apis[0]);
    for (let round = 0; round < races; round += 1) {
      const token = session.refreshToken;
      const outcome = await judge(servers, token, await refreshIt(token, dice.roll));
      trials.count(typeof outcome === 'string' ? outcome : null);
      session = typeof outcome === 'string' ? await register(servers.apis[0]) : outcome;
    }
    expect(trials.failures).toEqual([]);
  }

  const options = { timeout: timeoutFor(races) };

  test('of 2 to 64 refreshes at once, all get the one successor, which works', options, () =>
    expectNoFailure('Refreshes of one token at once', (token, roll) =>
      refreshAtOnce(servers, token, 2 + roll(mostAtOnce - 1)),
    ),
  );

  test('whose answers are lost may ask again, and stay signed in', options, () =>
    expectNoFailure('Refreshes asked again after lost answers', async (token, roll) => {
      await refreshAtOnce(servers, token, 1 + roll(mostAtOnce)); // Nobody reads these.
      return [await refresh(servers.apis[roll(servers.apis.length)] ?? servers.apis[0], token)];
    }),
  );
});
