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
});

test('keys that look like the insides of an object are keys', async () => {
  const limits = createLimits();
  for (const known of ['__proto__', 'constructor', 'toString', '']) {
    expect(await admitted(limits, 100, budget({ known }))).toBe(rule.calls);
  }
});

test('without limits everything is let through', async () => {
  expect(await admitted(createNoLimits(), 1_000)).toBe(1_000);
});
