import { join } from 'node:path';
import { setImmediate as turnOfEventLoop } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../server/logger.ts';
import { createRuntime, type Runtime } from '../../server/runtime.ts';
import { prunedAtOnce } from '../../server/store/prune.ts';
import {
  createApi,
  me,
  refresh,
  refusalOf,
  refusals,
  register,
  signedInOf,
  type Api,
  type SignedIn,
} from '../contract/api.ts';
import { createFolder } from '../contract/server-process.ts';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';
import { lacks } from '../kit/mode.ts';
import { createDice, roundsOf, startTrials, timeoutFor, type Dice } from './trials.ts';

const hour = 3_600_000;
const day = 24 * hour;
const year = 365 * day;
const graceMs = 10_000;
/** Sessions that end; more than are taken out at once. */
const ended = 100;

/** The clock of the system, set wrong. It goes on meanwhile. */
interface WrongClock {
  readonly runtime: Runtime;
  aheadMs: number;
  /** Called when the server pauses, which it does for one turn of the event loop. */
  onPause: () => void;
  /** Does what the server does each minute. */
  passMinute(): Promise<void>;
}

function createWrongClock(aheadMs: number): WrongClock {
  const everyMinute: (() => void)[] = [];
  const clock: WrongClock = {
    aheadMs,
    onPause: () => {},
    runtime: {
      ...createRuntime(() => Date.now() + clock.aheadMs),
      every(_intervalMs, work) {
        everyMinute.push(work);
        return () => {};
      },
      async delay() {
        clock.onPause();
        await turnOfEventLoop();
      },
    },
    async passMinute() {
      for (const work of everyMinute) work();
      // Three statements, one after the other.
      for (let turn = 0; turn < 3; turn += 1) await turnOfEventLoop();
    },
  };
  return clock;
}

let folder: Awaited<ReturnType<typeof createFolder>>;
beforeEach(async () => {
  folder = await createFolder();
});
afterEach(() => folder[Symbol.asyncDispose]());

/** A server on the one database of a test, with a clock that is so far ahead. */
async function openServer(aheadMs: number) {
  const clock = createWrongClock(aheadMs);
  const warnings: string[] = [];
  const t = await createTestLatchkey({
    database: `file:${join(folder.path, 'a.db')}`,
    runtime: clock.runtime,
    logger: { ...silentLogger, warn: (_fields: object, text: string) => void warnings.push(text) },
  });
  return { t, clock, warnings, api: createApi((await t.serve()).url), close: () => t.close() };
}

const people = 12;
const jumps = roundsOf(200, 4);

test(
  'set back an hour, on a day and right again under refreshes: nobody is signed out, and no grace is wider',
  { timeout: timeoutFor(jumps * 5) },
  async () => {
    using trials = startTrials('Refreshes while the clock is moved', true);
    const dice = createDice();
    const { api, clock, close } = await openServer(0);
    let hasEnded = false;
    let refreshes = 0;

    /** Refreshes and refreshes; whenever an answer came, its tokens have to be good. */
    async function keepRefreshing(): Promise<void> {
      let current = await register(api);
      while (!hasEnded) {
        await wait(dice);
        const answer = await refresh(api, current.refreshToken);
        refreshes += 1;
        trials.count(answer.status === 200 ? null : `signed out: ${answer.text}`);
        current = answer.status === 200 ? signedInOf(answer) : await register(api);
      }
      trials.count((await me(api, current.accessToken)).id === current.user.id ? null : 'ghost');
    }

    async function untilMoreRefreshes(): Promise<void> {
      const wanted = refreshes + 3 * people;
      while (refreshes < wanted) await turnOfEventLoop();
    }

    const refreshing = Array.from({ length: people }, keepRefreshing);
    for (let jump = 0; jump < jumps; jump += 1) {
      // By turns an hour back, right, a day on, right.
      const aheadMs = [-hour, 0, day, 0][jump % 4] ?? 0;
      const before = await register(api);
      const spent = before.refreshToken;
      const live = signedInOf(await refresh(api, spent));
      await untilMoreRefreshes();
      clock.aheadMs = aheadMs;
      await untilMoreRefreshes();
      // Two at once, and one more: the grace is there, with the clock as it is now.
      const next = signedInOf(await refresh(api, live.refreshToken));
      const again = await Promise.all([0, 1].map(() => refresh(api, live.refreshToken)));
      const isSame = again.every(
        (answer) => answer.status === 200 && signedInOf(answer).refreshToken === next.refreshToken,
      );
      trials.count(isSame ? null : 'a lost answer cannot be asked for again');
      trials.count(await judgeSpent(api, spent, next));
    }
    clock.aheadMs = 0;
    hasEnded = true;
    await Promise.all(refreshing);
    trials.count(await judgeGraces(api, clock));
    expect(trials.failures).toEqual([]);
    await close();
  },
);

async function wait(dice: Dice): Promise<void> {
  for (let turns = dice.roll(5); turns > 0; turns -= 1) await turnOfEventLoop();
}

/** The grandparent of a live token, whatever the clock says. */
async function judgeSpent(api: Api, spent: string, next: SignedIn): Promise<string | null> {
  const reused = refusalOf(await refresh(api, spent));
  if (reused !== refusals.refreshReused) return `spent, and answered ${reused}`;
  const after = refusalOf(await refresh(api, next.refreshToken));
  return after === refusals.sessionRevoked ? null : `after a reuse the session answers ${after}`;
}

/** A token that was spent before a jump is not good again for as long as the jump is. */
async function judgeGraces(api: Api, clock: WrongClock): Promise<string | null> {
  for (const [spentAt, triedAt] of [
    [0, -hour],
    [day, 0],
    [0, day],
    [0, graceMs + 1],
    [0, -graceMs - 1_000],
  ] as const) {
    clock.aheadMs = spentAt;
    const { refreshToken } = await register(api);
    signedInOf(await refresh(api, refreshToken));
    clock.aheadMs = triedAt;
    const answer = await refresh(api, refreshToken);
    clock.aheadMs = 0;
    if (answer.status === 200) return `a grace from ${spentAt} ms is open at ${triedAt} ms`;
    if (refusalOf(answer) !== refusals.refreshReused) return answer.text;
  }
  return null;
}

test.skipIf(lacks("SQLite's file")).each([
  { name: 'ten years ahead', aheadMs: 10 * year, refusal: refusals.tokenExpired },
  { name: 'a day behind', aheadMs: -day, refusal: null },
])(
  'with a clock $name it starts, signs in, and takes out what has ended bit by bit',
  { timeout: timeoutFor(60) },
  async ({ name, aheadMs, refusal }) => {
    using trials = startTrials(`Calls to a server that starts with a clock ${name}`, true);
    const dice = createDice();
    const right = await openServer(0);
    const old = await Promise.all(Array.from({ length: people }, () => register(right.api)));
    for (let count = 0; count < ended; count += 1) {
      await right.t.signInAs({ email: `ended-${count % 10}@clock.example` });
    }
    await right.close();

    const wrong = await openServer(aheadMs);
    const database = new Database(join(folder.path, 'a.db'), { readonly: true });
    const countSessions = () =>
      Number(database.prepare('SELECT count(*) FROM sessions').pluck().get());
    const kept: SignedIn[] = [];
    await Promise.all(
      old.map(async (person) => {
        const before = await refresh(wrong.api, person.refreshToken);
        const told = before.status === 200 ? null : refusalOf(before);
        trials.count(told === refusal ? null : `a session of before was told ${told}`);
        let current = before.status === 200 ? signedInOf(before) : await register(wrong.api);
        for (let turn = 0; turn < 10; turn += 1) {
          await wait(dice);
          const answer = await refresh(wrong.api, current.refreshToken);
          trials.count(answer.status === 200 ? null : `signed out: ${answer.text}`);
          current = signedInOf(answer);
          const isSane = current.expiresIn === 900;
          trials.count(isSane ? null : `an access token for ${current.expiresIn} s`);
          trials.count((await me(wrong.api, current.accessToken)).email ? null : 'nobody');
        }
        kept.push(current);
      }),
    );

    // A flood of deletions would hold everybody up; none at all would be for ever.
    const before = countSessions();
    const counts = [before];
    wrong.clock.onPause = () => counts.push(countSessions());
    await wrong.clock.passMinute();
    await expect.poll(countSessions).toBe(refusal === null ? before : before - ended - people);
    const taken = counts.slice(1).map((count, index) => (counts[index] ?? 0) - count);
    expect(Math.max(0, ...taken)).toBe(refusal === null ? 0 : prunedAtOnce);
    // A fast machine asks for more in a second than is logged, and is told so.
    expect(wrong.warnings.filter((text) => text !== 'requests not logged')).toEqual([]);
    database.close();
    await wrong.close();

    // Set right again: neither an access token from the future is one, nor a session from there.
    const again = await openServer(0);
    for (const person of kept) {
      const answer = await again.api.query('user.me', { token: person.accessToken });
      const isAhead = aheadMs > 0;
      const isRight = isAhead ? refusalOf(answer) === refusals.tokenInvalid : answer.status === 401;
      trials.count(isRight ? null : `an access token of the wrong clock: ${answer.text}`);
      const refreshed = await refresh(again.api, person.refreshToken);
      const told = refreshed.status === 200 ? null : refusalOf(refreshed);
      const wanted = isAhead ? refusals.tokenExpired : null;
      trials.count(told === wanted ? null : `a session of the wrong clock was told ${told}`);
    }
    await again.close();
    expect(trials.failures).toEqual([]);
  },
);

test('a refresh token of a clock ten years ahead is none a month after it is set right', async () => {
  await using t = await createTestLatchkey();
  const api = createApi((await t.serve()).url);
  t.clock.advance((10 * year) / 1_000);
  const { refreshToken } = await register(api);
  t.clock.advance((-10 * year) / 1_000);
  t.clock.advance((31 * day) / 1_000);
  expect((await refresh(api, refreshToken)).status).toBe(401);
});
