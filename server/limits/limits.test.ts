import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { LatchkeyError } from '../../shared/latchkey-error.ts';
import { createRuntime } from '../runtime.ts';
import { createMemoryCounter } from './counter.ts';
import {
  createLimits,
  createMemoryLimits,
  createNoLimits,
  defaultLimits,
  type Budget,
  type LimitKey,
  type LimitName,
  type LimitOverrides,
  type LimitRule,
  type Limits,
} from './limits.ts';
import {
  openClusterPlace,
  openMemory,
  openPostgresPlace,
  openRedisPlace,
  postgresProblem,
  redisProblem,
  type Place,
} from './testing/places.ts';

// Limiters keep time by the process's own clock, but Redis, where every time is made long.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const long: LimitOverrides = {
  signInPerAddress: { calls: 10, seconds: 6_000 },
  signInFromStrangers: { calls: 10, seconds: 90_000 },
  signInFromOneStranger: { calls: 5, seconds: 2_000_000, pauseFactor: 60 },
  refreshPerAddress: { calls: 600, seconds: 7_000 },
};

const places = [
  { name: 'memory', openPlace: openMemory, problem: null, overrides: {} },
  { name: 'Redis', openPlace: openRedisPlace, problem: redisProblem, overrides: long },
  { name: 'PostgreSQL', openPlace: openPostgresPlace, problem: postgresProblem, overrides: {} },
  { name: 'primary of workers', openPlace: openClusterPlace, problem: null, overrides: {} },
];
for (const { name, problem } of places) {
  if (problem !== null) process.stderr.write(`Skipped: limits in ${name}: ${problem}.\n`);
}

function budget(
  key: LimitKey = { chosen: 'a' },
  limit: LimitName = 'signInPerAddress',
): readonly [Budget] {
  return [{ limit, key }];
}

/** How many of so many calls at once are let through. */
async function admitted(
  limits: Limits,
  calls: number,
  budgets: readonly Budget[] = budget(),
): Promise<number> {
  const outcomes = await Promise.allSettled(
    Array.from({ length: calls }, () => limits.consume(budgets)),
  );
  return outcomes.filter(({ status }) => status === 'fulfilled').length;
}

const patient = budget({ chosen: 'u 192.0.2.1' }, 'signInFromOneStranger');

describe.each(places)('in $name', ({ openPlace, problem, overrides }) => {
  const rules: Record<LimitName, LimitRule> = { ...defaultLimits, ...overrides };
  const rule = rules.signInPerAddress;
  let place: Place;
  let salt: Uint8Array;
  let limits: Limits;

  beforeAll(async () => {
    if (problem === null) place = await openPlace();
  });
  afterAll(async () => {
    await place?.[Symbol.asyncDispose]();
  });
  beforeEach(async ({ skip }) => {
    skip(problem !== null);
    salt = randomBytes(32);
    limits = await place.open(overrides, salt);
  });

  async function expectWait(calling: Promise<void>, seconds: number): Promise<void> {
    const refusal: unknown = await calling.then(
      () => null,
      (error: unknown) => error,
    );
    expect(refusal).toMatchObject({ name: 'LatchkeyError', reason: 'rate_limited' });
    const { retryAfterSeconds } = refusal as LatchkeyError; // The line above would have thrown.
    expect(retryAfterSeconds).toBeLessThanOrEqual(seconds);
    expect(retryAfterSeconds).toBeGreaterThan(seconds - Math.max(1, place.slackMs / 1_000));
  }

  /** To the end of so many seconds, so shortly before that nothing is over. */
  function turnToEndOf(seconds: number): Promise<void> {
    return place.turn(seconds * 1_000 - place.slackMs);
  }
  function turnOverEnd(): Promise<void> {
    return place.turn(place.slackMs);
  }

  test('of a hundred calls at once the budget’s are let through', async () => {
    expect(await admitted(limits, 100)).toBe(rule.calls);
    await turnToEndOf(rule.seconds);
    expect(await admitted(limits, 1)).toBe(0);
    await turnOverEnd();
    expect(await admitted(limits, 100)).toBe(rule.calls);
  });

  test('keys and limits have budgets of their own', async () => {
    await admitted(limits, 100, budget({ known: 'a' }));
    expect(await admitted(limits, 1, budget({ known: 'b' }))).toBe(1);
    expect(await admitted(limits, 1, budget({ chosen: 'a' }))).toBe(1);
    expect(await admitted(limits, 1, budget({ known: 'a' }, 'refreshPerAddress'))).toBe(1);
    expect(await admitted(limits, 1, budget({ known: 'a' }))).toBe(0);
  });

  test('a refusal says in whole seconds when there is budget again', async ({ skip }) => {
    skip(place.slackMs > 1);
    await admitted(limits, rule.calls);
    await place.turn(rule.seconds * 1_000 - 1_500);
    await expectWait(limits.consume(budget()), 2);
    await place.turn(1_499);
    await expectWait(limits.consume(budget()), 1);
    await place.turn(1);
    expect(await admitted(limits, 100)).toBe(rule.calls);
  });

  test('a refusal waits for every budget that is used up, so that the next try succeeds', async () => {
    const both = [...budget(), ...budget({ known: 'u' }, 'signInFromStrangers')];
    await admitted(limits, 100, budget({ known: 'u' }, 'signInFromStrangers'));
    await admitted(limits, 100);
    await expectWait(limits.consume(both), rules.signInFromStrangers.seconds);
  });

  test('a refusal waits for a budget whose last call was just taken', async () => {
    const other = budget({ known: 'u' }, 'signInFromStrangers');
    await admitted(limits, rules.signInFromStrangers.calls, other);
    await admitted(limits, 100);
    await expectWait(limits.consume([...budget(), ...other]), rules.signInFromStrangers.seconds);
  });

  test('a refusal does not wait for a budget that has one call left', async () => {
    const other = budget({ known: 'u' }, 'signInFromStrangers');
    await admitted(limits, rules.signInFromStrangers.calls - 1, other);
    await admitted(limits, 100);
    await expectWait(limits.consume([...budget(), ...other]), rule.seconds);
  });

  test('a refusal does not wait for a budget before it', async () => {
    const first = budget({ known: 'u' }, 'signInFromStrangers');
    await admitted(limits, rules.signInFromStrangers.calls - 1, first);
    await admitted(limits, 100);
    await expectWait(limits.consume([...first, ...budget()]), rule.seconds);
  });

  test('a refusal leaves the budgets behind it as they are', async () => {
    const last = budget({ known: 'u' }, 'signInFromStrangers');
    await admitted(limits, 100);
    await admitted(limits, 100, [...budget(), ...last]);
    expect(await admitted(limits, 100, last)).toBe(rules.signInFromStrangers.calls);
  });

  test('who goes on trying does not wait longer', async () => {
    await admitted(limits, 500);
    await place.turn((rule.seconds * 1_000) / 2);
    await admitted(limits, 500);
    await place.turn((rule.seconds * 1_000) / 2);
    expect(await admitted(limits, 1)).toBe(1);
  });

  test('a refund gives one call back', async () => {
    await admitted(limits, rule.calls);
    await limits.refund(budget());
    expect(await admitted(limits, 100)).toBe(1);
  });

  const { seconds: limitSeconds, pauseFactor = 0 } = rules.signInFromOneStranger;
  const pauses = Array.from({ length: 8 }, (_, index) => pauseFactor ** (index + 1)).filter(
    (seconds) => seconds < limitSeconds,
  );

  test('after the first tries each further one takes four times the patience', async () => {
    const one = budget({ chosen: 'u 192.0.2.1' }, 'signInFromOneStranger');
    const first = rules.signInFromOneStranger.calls + 1;
    expect(await admitted(limits, 100, one)).toBe(first);
    for (const seconds of pauses) {
      await expectWait(limits.consume(one), seconds);
      await turnToEndOf(seconds);
      expect(await admitted(limits, 100, one)).toBe(0);
      await turnOverEnd();
      expect(await admitted(limits, 100, one)).toBe(1);
    }
  });

  test('a refusal by another budget waits for the pause as well, and for no pause that is over', async () => {
    const refusing = budget({ known: 'u' }, 'refreshPerAddress');
    await admitted(limits, 600, refusing);
    const both = [...refusing, ...patient];
    for (const seconds of pauses) {
      await admitted(limits, 100, patient);
      await place.turn(seconds * 1_000);
    }
    await admitted(limits, 100, patient);
    await admitted(limits, 600, refusing);
    // The next pause is as long as the limit; it began when those before were over.
    await expectWait(limits.consume(both), limitSeconds);
    const begun = pauses.reduce((sum, seconds) => sum + seconds, 0);
    await place.turn((limitSeconds - begun) * 1_000);
    await admitted(limits, 600, refusing);
    await expectWait(limits.consume(both), rules.refreshPerAddress.seconds);
    expect(await admitted(limits, 100, patient)).toBe(rules.signInFromOneStranger.calls);
  });

  test('a refusal by another budget waits for no pause that has not begun', async () => {
    const refusing = budget({ known: 'u' }, 'refreshPerAddress');
    await admitted(limits, 600, refusing);
    await admitted(limits, 5, patient);
    await expectWait(limits.consume([...refusing, ...patient]), rules.refreshPerAddress.seconds);
  });

  test('a try that takes patience can be given back, and forgotten', async () => {
    expect(await admitted(limits, 5, patient)).toBe(5);
    await limits.refund(patient);
    expect(await admitted(limits, 100, patient)).toBe(2);
    await place.turn(pauseFactor * 1_000);
    expect(await admitted(limits, 100, patient)).toBe(1);
    await limits.clear(patient);
    expect(await admitted(limits, 100, patient)).toBe(6);
    await expectWait(limits.consume(patient), pauseFactor);
  });

  test('what is forgotten is forgotten for that key of that limit alone', async () => {
    const others = [...budget({ known: 'b' }), ...budget({ known: 'a' }, 'updatePerUser')];
    for (const other of [...budget({ known: 'a' }), ...others]) {
      await admitted(limits, 100, [other]);
    }
    await limits.clear(budget({ known: 'a' }));
    expect(await admitted(limits, 100, budget({ known: 'a' }))).toBe(rule.calls);
    for (const other of others) expect(await admitted(limits, 1, [other])).toBe(0);
  });

  test('a limit that does not exist is an error', async () => {
    const unknown = budget('everybody', 'signOut' as LimitName);
    await expect(limits.consume(unknown)).rejects.toThrow('no limit named signOut');
  });

  test('keys that look like the insides of an object are keys', async () => {
    for (const known of ['__proto__', 'constructor', 'toString', '']) {
      expect(await admitted(limits, 100, budget({ known }))).toBe(rule.calls);
    }
  });

  describe.skipIf(openPlace === openMemory)('of two processes', () => {
    let other: Limits;
    beforeEach(async () => {
      other = await place.open(overrides, salt);
    });

    test('of fifty calls at once through both, exactly the budget’s are let through', async () => {
      for (const key of ['a', 'b', 'c', 'd', 'e']) {
        const one = budget({ known: key });
        const counts = await Promise.all([admitted(limits, 25, one), admitted(other, 25, one)]);
        expect(counts[0] + counts[1]).toBe(rule.calls);
      }
    });

    test('pauses are for both', async () => {
      const counts = await Promise.all([
        admitted(limits, 25, patient),
        admitted(other, 25, patient),
      ]);
      expect(counts[0] + counts[1]).toBe(rules.signInFromOneStranger.calls + 1);
      await place.turn(pauseFactor * 1_000);
      expect((await admitted(other, 1, patient)) + (await admitted(limits, 1, patient))).toBe(1);
      await expectWait(limits.consume(patient), pauseFactor ** 2);
    });

    test('what one gives back or forgets, the other has again', async () => {
      for (let round = 0; round < 3; round += 1) {
        expect(await admitted(other, 100)).toBe(rule.calls);
        await limits.refund(budget());
        await limits.clear(budget());
        expect(await admitted(other, 5)).toBe(5);
        expect(await admitted(limits, 100)).toBe(rule.calls - 5);
        await limits.clear(budget());
      }
    });

    test('another secret has budgets of its own', async () => {
      const stranger = await place.open(overrides, randomBytes(32));
      const all = budget('everybody', 'registerOverall');
      for (const of of [budget({ known: 'a' }), budget({ chosen: 'a' }), all]) {
        const { calls } = rules[of[0].limit];
        expect(await admitted(limits, 1, of)).toBe(1);
        expect(await admitted(stranger, Math.min(calls, 20), of)).toBe(Math.min(calls, 20));
      }
    });

    test('other numbers begin anew, and do not meet what was counted by the old', async () => {
      expect(await admitted(limits, 100)).toBe(rule.calls);
      const changed = { ...overrides, signInPerAddress: { calls: 3, seconds: rule.seconds } };
      expect(await admitted(await place.open(changed, salt), 100)).toBe(3);
    });
  });
});

test.each<[LimitName, number, number]>([
  ['signInPerAddress', 10, 60],
  ['signInFromKnownAddresses', 10, 900],
  ['signInFromStrangers', 10, 900],
  ['signInOverall', 6_000, 60],
  ['registerPerAddress', 30, 3_600],
  ['registerOverall', 3_000, 3_600],
  ['refreshPerAddress', 600, 60],
  ['updatePerUser', 30, 3_600],
])('%s: %i calls in %i seconds', async (limit, calls, seconds) => {
  const limits = createMemoryLimits({}, createRuntime());
  const of = budget('everybody', limit);
  expect(await admitted(limits, calls + 1, of)).toBe(calls);
  vi.advanceTimersByTime(seconds * 1_000 - 1);
  expect(await admitted(limits, 1, of)).toBe(0);
  vi.advanceTimersByTime(1);
  expect(await admitted(limits, calls + 1, of)).toBe(calls);
});

test('a limiter that breaks lets nobody through', async () => {
  const consume = () => Promise.reject(new Error('broken'));
  const limits = createLimits({}, randomBytes(32), (options) => ({
    ...createMemoryCounter(options),
    consume,
  }));
  await expect(limits.consume(budget())).rejects.toThrow('broken');
});

test('against one account no hour has more than a hundred tries, from however many addresses', async () => {
  const limits = createMemoryLimits({}, createRuntime());
  const tries: number[] = [];
  const stepSeconds = 30;
  for (let second = 0; second < 3 * 3_600; second += stepSeconds) {
    const ip = `stranger ${second}`;
    const stranger = [
      ...budget({ chosen: ip }, 'signInFromOneStranger'),
      ...budget({ known: 'u' }, 'signInFromStrangers'),
    ];
    const known = budget({ known: 'u' }, 'signInFromKnownAddresses');
    tries.push((await admitted(limits, 20, stranger)) + (await admitted(limits, 20, known)));
    vi.advanceTimersByTime(stepSeconds * 1_000);
  }
  const stepsAnHour = 3_600 / stepSeconds;
  const perHour = tries.map((_, from) =>
    tries.slice(from, from + stepsAnHour).reduce((sum, count) => sum + count, 0),
  );
  expect(Math.max(...perHour)).toBeLessThanOrEqual(100);
  expect(Math.max(...perHour)).toBeGreaterThan(0);
});

test('however many addresses there are, the number of budgets is bounded', async () => {
  vi.useRealTimers();
  const limits = createMemoryLimits(
    { refreshPerAddress: { calls: 1, seconds: 3_600 } },
    createRuntime(),
  );
  let passed = 0;
  for (let address = 0; address < 50_000; address += 1) {
    passed += await admitted(limits, 1, budget({ chosen: `${address}` }, 'refreshPerAddress'));
  }
  expect(passed).toBeLessThanOrEqual(32_768);
  // Spread evenly, these hit 25,600 of them.
  expect(passed).toBeGreaterThan(25_000);
});

test('without limits everything is let through', async () => {
  const limits = createNoLimits();
  expect(await admitted(limits, 1_000)).toBe(1_000);
  await expect(limits.refund(budget())).resolves.toBeUndefined();
  await expect(limits.clear(budget())).resolves.toBeUndefined();
});
