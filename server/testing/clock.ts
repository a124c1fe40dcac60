/** A clock that stands until it is turned. */
export interface TestClock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Turns the clock on, or with a negative number back. */
  advance(seconds: number): void;
}

export function createTestClock(startsAt: number = Date.now()): TestClock {
  let now = startsAt;
  return {
    now: () => now,
    advance(seconds) {
      now += seconds * 1_000;
    },
  };
}
