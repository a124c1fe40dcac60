import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createMemoryLimits, createNoLimits, defaultLimits, type Limits } from './limits.ts';

// The limiter keeps time by the process's own clock.
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const rule = defaultLimits.signInPerAddress;

/** How many of so many calls at once are let through. */
async function admitted(limits: Limits, calls: number, key = 'a'): Promise<number> {
  const outcomes = await Promise.allSettled(
    Array.from({ length: calls }, () => limits.consume('signInPerAddress', key)),
  );
  return outcomes.filter(({ status }) => status === 'fulfilled').length;
}

test('of a hundred calls at once the budget’s are let through', async () => {
  expect(await admitted(createMemoryLimits(defaultLimits), 100)).toBe(rule.calls);
});

test('keys and limits have budgets of their own', async () => {
  const limits = createMemoryLimits(defaultLimits);
  await admitted(limits, 100, 'a');
  expect(await admitted(limits, 1, 'b')).toBe(1);
  await expect(limits.consume('signInPerAccount', 'a')).resolves.toBeUndefined();
  expect(await admitted(limits, 1, 'a')).toBe(0);
});

test('a refusal says in whole seconds when there is budget again', async () => {
  const limits = createMemoryLimits(defaultLimits);
  await admitted(limits, rule.calls);
  vi.advanceTimersByTime(rule.seconds * 1_000 - 1_500);
  const refusal = { name: 'LatchkeyError', reason: 'rate_limited' };
  await expect(limits.consume('signInPerAddress', 'a')).rejects.toMatchObject({
    ...refusal,
    retryAfterSeconds: 2,
  });
  vi.advanceTimersByTime(1_499);
  await expect(limits.consume('signInPerAddress', 'a')).rejects.toMatchObject({
    ...refusal,
    retryAfterSeconds: 1,
  });
  vi.advanceTimersByTime(1);
  expect(await admitted(limits, 100)).toBe(rule.calls);
});

test('who goes on trying does not wait longer', async () => {
  const limits = createMemoryLimits(defaultLimits);
  await admitted(limits, 1_000);
  vi.advanceTimersByTime((rule.seconds * 1_000) / 2);
  await admitted(limits, 1_000);
  vi.advanceTimersByTime((rule.seconds * 1_000) / 2);
  expect(await admitted(limits, 1)).toBe(1);
});

test('a refund gives one call back', async () => {
  const limits = createMemoryLimits(defaultLimits);
  await admitted(limits, rule.calls);
  await limits.refund('signInPerAddress', 'a');
  expect(await admitted(limits, 100)).toBe(1);
});

test('clearing forgets what was consumed', async () => {
  const limits = createMemoryLimits(defaultLimits);
  await admitted(limits, rule.calls);
  await limits.clear('signInPerAddress', 'a');
  expect(await admitted(limits, 100)).toBe(rule.calls);
});

test('keys that look like the insides of an object are keys', async () => {
  const limits = createMemoryLimits(defaultLimits);
  for (const key of ['__proto__', 'constructor', 'toString', '']) {
    expect(await admitted(limits, 100, key)).toBe(rule.calls);
  }
});

test('without limits everything is let through', async () => {
  expect(await admitted(createNoLimits(), 1_000)).toBe(1_000);
});
