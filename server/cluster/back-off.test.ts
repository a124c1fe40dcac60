import { expect, test } from 'vitest';
import { createTestClock } from '../testing/clock.ts';
import { createBackOff } from './back-off.ts';

test('waits twice as long each time in a minute, half a minute at most, and then begins again', () => {
  const clock = createTestClock();
  const nextDelayMs = createBackOff(clock.now);
  const delays = Array.from({ length: 9 }, () => nextDelayMs());
  expect(delays).toEqual([0, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  clock.advance(60);
  expect(nextDelayMs()).toBe(0);
});
