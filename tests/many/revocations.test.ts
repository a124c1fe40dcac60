import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { goodPassword, login, refresh, register, type Api } from '../contract/api.ts';
import { endings, type Ending } from '../faults/endings.ts';
import { percentile, roundsOf, startTrials, timeoutFor } from '../faults/trials.ts';
import { print } from '../kit/print.ts';
import { canRun, startProcesses, type Processes } from './processes.ts';

/** Of each way to end a session, so that all of them together are a thousand or thirty. */
const trialsOfEach = Math.ceil(roundsOf(1_000, 30) / endings.length);
const promisedMs = 1_000;

describe.skipIf(!canRun)('what one of three processes has ended', () => {
  const trials = startTrials('What one process ends and two others are asked for', false);
  /** How long after the answer a call was sent that was let through, the longest of each trial. */
  const aliveMs: number[] = [];
  let processes: Processes;
  beforeAll(async () => {
    processes = await startProcesses();
  }, timeoutFor(0));
  afterAll(async () => {
    trials[Symbol.dispose]();
    const [half, most, all] = [50, 99, 100].map((percent) =>
      percentile(aliveMs, percent).toFixed(1),
    );
    print(
      `After the answer a call to another process was let through for ${half} ms in half of the ` +
        `trials, p99 ${most} ms, longest ${all} ms (promised: less than ${promisedMs} ms)`,
    );
    await processes[Symbol.asyncDispose]();
  });

  test.each(endings)(
    'is refused by the others within a second: $name',
    { timeout: timeoutFor(trialsOfEach * 3) },
    async (ending) => {
      const before = trials.failures.length;
      for (let trial = 0; trial < trialsOfEach; trial += 1) {
        // In the last third without Redis: it is killed where the middle one begins.
        if (trial === Math.floor(trialsOfEach / 3)) await processes.ground.redis.kill();
        if (trial === Math.floor((trialsOfEach * 2) / 3)) await processes.ground.redis.start();
        trials.count(await tryOnce(ending, trial));
      }
      expect(trials.failures.slice(before)).toEqual([]);
    },
  );

  async function tryOnce(ending: Ending, trial: number): Promise<string | null> {
    const { apis, adminToken } = processes;
    const own = await register(apis[0]);
    const other = await login(apis[1], own.user.email);
    const here = apis[trial % apis.length] ?? apis[0];
    const others = apis.filter((api) => api !== here);
    // Of a change that the same session makes, the other session feels it.
    const ended = ending.dead.some((each) => each.startsWith('access')) ? own : other;
    // All of them know the caller.
    for (const api of [...apis, ...apis]) {
      const me = await api.query('user.me', { token: ended.accessToken });
      if (me.status !== 200) return `not signed in: ${me.text}`;
    }
    const answer = await ending.end({ api: here, own, other, password: goodPassword, adminToken });
    const answeredAt = performance.now();
    if (answer.status !== 200) return `refused: ${answer.text}`;
    const lives = await Promise.all(
      others.map((api) => measureLife(api, ended.accessToken, answeredAt)),
    );
    const longest = Math.max(...lives);
    aliveMs.push(longest);
    if (longest >= promisedMs) return `alive ${longest.toFixed(0)} ms after the answer`;
    if (!ending.dead.includes('refresh')) return null;
    const refreshed = await Promise.all(others.map((api) => refresh(api, own.refreshToken)));
    return refreshed.some(({ status }) => status === 200) ? 'a refresh token is alive' : null;
  }
});

/** How long after the answer the latest call was sent that was let through. */
async function measureLife(api: Api, token: string, answeredAt: number): Promise<number> {
  let lifeMs = 0;
  for (;;) {
    const sentMs = performance.now() - answeredAt;
    const { status } = await api.query('user.me', { token });
    if (status !== 200) return lifeMs;
    lifeMs = sentMs;
    if (lifeMs >= 10 * promisedMs) return lifeMs;
  }
}
