import { RateLimiterMemory } from 'rate-limiter-flexible';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createRuntime } from '../runtime.ts';
import {
  createMemoryLimits,
  createNoLimits,
  defaultLimits,
  type Budget,
  type LimitKey,
  type LimitName,
  type LimitOverrides,
  type Limits,
} from './limits.ts';

// The limiter keeps time by the process's own clock.
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const rule = defaultLimits.signInPerAddress;
const refusal = { name: 'LatchkeyError', reason: 'rate_limited' };

function createLimits(overrides: LimitOverrides = {}): Limits {
  return createMemoryLimits(overrides, createRuntime());
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

test('of a hundred calls at once the budget’s are let through', async () => {
  expect(await admitted(createLimits(), 100)).toBe(rule.calls);
});

// What is promised of each; one more takes patience where it says so.
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
  const limits = createLimits();
  const of = budget('everybody', limit);
  expect(await admitted(limits, calls + 1, of)).toBe(calls);
  vi.advanceTimersByTime(seconds * 1_000 - 1);
  expect(await admitted(limits, 1, of)).toBe(0);
  vi.advanceTimersByTime(1);
  expect(await admitted(limits, calls + 1, of)).toBe(calls);
});

test('keys and limits have budgets of their own', async () => {
  const limits = createLimits();
  await admitted(limits, 100, budget({ known: 'a' }));
  expect(await admitted(limits, 1, budget({ known: 'b' }))).toBe(1);
  expect(await admitted(limits, 1, budget({ chosen: 'a' }))).toBe(1);
  expect(await admitted(limits, 1, budget({ known: 'a' }, 'refreshPerAddress'))).toBe(1);
  expect(await admitted(limits, 1, budget({ known: 'a' }))).toBe(0);
});

test('a refusal says in whole seconds when there is budget again', async () => {
  const limits = createLimits();
  await admitted(limits, rule.calls);
  vi.advanceTimersByTime(rule.seconds * 1_000 - 1_500);
  await expect(limits.consume(budget())).rejects.toMatchObject({
    ...refusal,
    retryAfterSeconds: 2,
  });
  vi.advanceTimersByTime(1_499);
  await expect(limits.consume(budget())).rejects.toMatchObject({
    ...refusal,
    retryAfterSeconds: 1,
  });
  vi.advanceTimersByTime(1);
  expect(await admitted(limits, 100)).toBe(rule.calls);
});

test('a refusal waits for every budget that is used up, so that the next try succeeds', async () => {
  const limits = createLimits();
  const both = [...budget(), ...budget({ known: 'u' }, 'signInFromStrangers')];
  await admitted(limits, 100, budget({ known: 'u' }, 'signInFromStrangers'));
  await admitted(limits, 100);
  await expect(limits.consume(both)).rejects.toMatchObject({
    retryAfterSeconds: defaultLimits.signInFromStrangers.seconds,
  });
});

test('a refusal waits for a budget whose last call was just taken', async () => {
  const limits = createLimits();
  const other = budget({ known: 'u' }, 'signInFromStrangers');
  await admitted(limits, defaultLimits.signInFromStrangers.calls, other);
  await admitted(limits, 100);
  const waiting = limits.consume([...budget(), ...other]);
  await expect(waiting).rejects.toMatchObject({
    retryAfterSeconds: defaultLimits.signInFromStrangers.seconds,
  });
});

test('a refusal does not wait for a budget that has one call left', async () => {
  const limits = createLimits();
  const other = budget({ known: 'u' }, 'signInFromStrangers');
  await admitted(limits, defaultLimits.signInFromStrangers.calls - 1, other);
  await admitted(limits, 100);
  const waiting = limits.consume([...budget(), ...other]);
  await expect(waiting).rejects.toMatchObject({ retryAfterSeconds: rule.seconds });
});

test('a refusal does not wait for a budget before it', async () => {
  const limits = createLimits();
  const first = budget({ known: 'u' }, 'signInFromStrangers');
  await admitted(limits, defaultLimits.signInFromStrangers.calls - 1, first);
  await admitted(limits, 100);
  const waiting = limits.consume([...first, ...budget()]);
  await expect(waiting).rejects.toMatchObject({ retryAfterSeconds: rule.seconds });
});

test('a refusal leaves the budgets behind it as they are', async () => {
  const limits = createLimits();
  const last = budget({ known: 'u' }, 'signInFromStrangers');
  await admitted(limits, 100);
  await admitted(limits, 100, [...budget(), ...last]);
  expect(await admitted(limits, 100, last)).toBe(defaultLimits.signInFromStrangers.calls);
});

test('who goes on trying does not wait longer', async () => {
  const limits = createLimits();
  await admitted(limits, 1_000);
  vi.advanceTimersByTime((rule.seconds * 1_000) / 2);
  await admitted(limits, 1_000);
  vi.advanceTimersByTime((rule.seconds * 1_000) / 2);
  expect(await admitted(limits, 1)).toBe(1);
});

test('a refund gives one call back', async () => {
  const limits = createLimits();
  await admitted(limits, rule.calls);
  await limits.refund(budget());
  expect(await admitted(limits, 100)).toBe(1);
});

test('after the first tries each further one takes four times the patience', async () => {
  const limits = createLimits();
  const one = budget({ chosen: 'u 192.0.2.1' }, 'signInFromOneStranger');
  const first = defaultLimits.signInFromOneStranger.calls + 1;
  expect(await admitted(limits, 100, one)).toBe(first);
  for (const seconds of [4, 16, 64, 256]) {
    await expect(limits.consume(one)).rejects.toMatchObject({ retryAfterSeconds: seconds });
    vi.advanceTimersByTime(seconds * 1_000 - 1);
    expect(await admitted(limits, 100, one)).toBe(0);
    vi.advanceTimersByTime(1);
    expect(await admitted(limits, 100, one)).toBe(1);
  }
});

const patient = budget({ chosen: 'u 192.0.2.1' }, 'signInFromOneStranger');

test('a refusal by another budget waits for the pause as well, and for no pause that is over', async () => {
  const limits = createLimits();
  const refusing = budget({ known: 'u' }, 'refreshPerAddress');
  await admitted(limits, 600, refusing);
  const both = [...refusing, ...patient];
  for (const seconds of [4, 16, 64, 256]) {
    await admitted(limits, 100, patient);
    vi.advanceTimersByTime(seconds * 1_000);
  }
  await admitted(limits, 100, patient);
  await admitted(limits, 600, refusing);
  // The next pause is as long as the limit; it began 340 seconds after the first try.
  await expect(limits.consume(both)).rejects.toMatchObject({ retryAfterSeconds: 900 });
  vi.advanceTimersByTime(560_000);
  await admitted(limits, 600, refusing);
  await expect(limits.consume(both)).rejects.toMatchObject({ retryAfterSeconds: 60 });
  expect(await admitted(limits, 100, patient)).toBe(5);
});

test('a refusal by another budget waits for no pause that has not begun', async () => {
  const limits = createLimits();
  const refusing = budget({ known: 'u' }, 'refreshPerAddress');
  await admitted(limits, 600, refusing);
  await admitted(limits, 5, patient);
  await expect(limits.consume([...refusing, ...patient])).rejects.toMatchObject({
    retryAfterSeconds: 60,
  });
});

test('a try that takes patience can be given back, and forgotten', async () => {
  const limits = createLimits();
  expect(await admitted(limits, 5, patient)).toBe(5);
  await limits.refund(patient);
  expect(await admitted(limits, 100, patient)).toBe(2);
  vi.advanceTimersByTime(4_000);
  expect(await admitted(limits, 100, patient)).toBe(1);
  await limits.clear(patient);
  expect(await admitted(limits, 100, patient)).toBe(6);
  await expect(limits.consume(patient)).rejects.toMatchObject({ retryAfterSeconds: 4 });
});

test('what is forgotten is forgotten for that key of that limit alone', async () => {
  const limits = createLimits();
  const others = [...budget({ known: 'b' }), ...budget({ known: 'a' }, 'updatePerUser')];
  for (const other of [...budget({ known: 'a' }), ...others]) await admitted(limits, 100, [other]);
  await limits.clear(budget({ known: 'a' }));
  expect(await admitted(limits, 100, budget({ known: 'a' }))).toBe(rule.calls);
  for (const other of others) expect(await admitted(limits, 1, [other])).toBe(0);
});

test('a limiter that breaks lets nobody through', async () => {
  const consume = vi.spyOn(RateLimiterMemory.prototype, 'consume');
  consume.mockRejectedValueOnce(new Error('broken'));
  await expect(createLimits().consume(budget())).rejects.toThrow('broken');
  consume.mockRestore();
});

test('a limit that does not exist is an error', async () => {
  const unknown = budget('everybody', 'signOut' as LimitName);
  await expect(createLimits().consume(unknown)).rejects.toThrow('no limit named signOut');
});

test('against one account no hour has more than a hundred tries, from however many addresses', async () => {
  const limits = createLimits();
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
  const limits = createLimits({ refreshPerAddress: { calls: 1, seconds: 3_600 } });
  let passed = 0;
  for (let address = 0; address < 50_000; address += 1) {
    passed += await admitted(limits, 1, budget({ chosen: `${address}` }, 'refreshPerAddress'));
  }
  expect(passed).toBeLessThanOrEqual(32_768);
  // Spread evenly, these hit 25,600 of them.
  expect(passed).toBeGreaterThan(25_000);
});

test('keys that look like the insides of an object are keys', async () => {
  const limits = createLimits();
  for (const known of ['__proto__', 'constructor', 'toString', '']) {
    expect(await admitted(limits, 100, budget({ known }))).toBe(rule.calls);
  }
});

test('without limits everything is let through', async () => {
  const limits = createNoLimits();
  expect(await admitted(limits, 1_000)).toBe(1_000);
  await expect(limits.refund(budget())).resolves.toBeUndefined();
  await expect(limits.clear(budget())).resolves.toBeUndefined();
});
