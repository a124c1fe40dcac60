import { expect, test } from 'vitest';
import { createClockEstimate } from './clock-estimate.ts';

/** A process whose own clock is ten years behind, and the time that passes in it. */
function createProcess() {
  let elapsed = 5_000;
  const runtime = { now: () => 1_400_000_000_000, elapsed: () => elapsed };
  return { runtime, pass: (ms: number) => (elapsed += ms) };
}

test('the time is the database’s, as of the middle of a question and its answer', () => {
  const { runtime, pass } = createProcess();
  const clock = createClockEstimate(runtime);
  clock.learn(1_700_000_000_000, { sentAt: 4_990, cameAt: 5_000 });
  expect(clock.now()).toBe(1_700_000_000_005);
  pass(1_000);
  expect(clock.now()).toBe(1_700_000_001_005);
});

test('a slow answer does not spoil what a quick one said, until that is old', () => {
  const { runtime, pass } = createProcess();
  const clock = createClockEstimate(runtime);
  clock.learn(1_700_000_000_000, { sentAt: 5_000, cameAt: 5_000 });
  pass(3_000);
  clock.learn(1_700_000_002_900, { sentAt: 5_000, cameAt: 8_000 });
  expect(clock.now()).toBe(1_700_000_003_000);
  pass(12_000);
  clock.learn(1_700_000_050_000, { sentAt: 19_000, cameAt: 20_000 });
  expect(clock.now()).toBe(1_700_000_050_500);
});

test('a quicker answer counts at once', () => {
  const { runtime } = createProcess();
  const clock = createClockEstimate(runtime);
  clock.learn(1_700_000_000_000, { sentAt: 4_000, cameAt: 5_000 });
  clock.learn(1_700_000_100_000, { sentAt: 4_990, cameAt: 5_000 });
  expect(clock.now()).toBe(1_700_000_100_005);
});

test.each([60_000, -60_000])(
  'a clock that was set by %i ms shows with the next answer, however slow',
  (setMs) => {
    const { runtime, pass } = createProcess();
    const clock = createClockEstimate(runtime);
    clock.learn(1_700_000_000_000, { sentAt: 5_000, cameAt: 5_000 });
    pass(400);
    clock.learn(1_700_000_000_300 + setMs, { sentAt: 5_200, cameAt: 5_400 });
    expect(clock.now()).toBe(1_700_000_000_400 + setMs);
  },
);
