/**
 * How often the tests of this folder try. What they look for is rare, so that a quick
 * run by default says little: `LATCHKEY_TEST_ROUNDS=1000 npm test -- tests/faults`.
 */
const defaultRounds = 25;
export const rounds = Number(process.env['LATCHKEY_TEST_ROUNDS'] ?? defaultRounds);
if (!Number.isSafeInteger(rounds) || rounds < 1) {
  throw new Error('LATCHKEY_TEST_ROUNDS: not valid. Wanted: a whole number from 1.');
}

/** Long enough for every round on a slow machine. */
export function timeoutFor(trials: number): number {
  return 20_000 + trials * 1_000;
}

/** What was tried and what went wrong; prints one line at the end. */
export interface Trials extends Disposable {
  readonly failures: readonly string[];
  /** Ends a trial. */
  count(failure: string | null): void;
}

export function startTrials(name: string): Trials {
  const failures: string[] = [];
  let trials = 0;
  return {
    failures,
    count(failure) {
      trials += 1;
      if (failure !== null) failures.push(`trial ${trials}: ${failure}`);
    },
    [Symbol.dispose]() {
      // No failure in n trials bounds the rate at 3/n, with 95 % confidence.
      const percent = Math.min(100, 300 / trials).toPrecision(2);
      const verdict = failures.length === 0 ? `, so that fewer than ${percent} % fail (3/n)` : '';
      process.stdout.write(`${name}: ${trials} trials, ${failures.length} failures${verdict}\n`);
    },
  };
}

/** Numbers that look random and are the same in every run (mulberry32), so that a failure comes again. */
export interface Dice {
  /** A whole number below `sides`. */
  roll(sides: number): number;
}

export function createDice(seed: number): Dice {
  let state = seed;
  return {
    roll(sides) {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) % sides;
    },
  };
}
