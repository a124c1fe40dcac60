import { print } from '../kit/print.ts';

/**
 * How often the tests of this folder try. What they look for is rare, so that a quick
 * run by default says little: `LATCHKEY_TEST_ROUNDS=10000 npm run test:faults` is what is promised.
 */
const defaultRounds = 25;
const promisedRounds = 10_000;
export const rounds = readNumber('LATCHKEY_TEST_ROUNDS', defaultRounds);
export const isPromisedSize = rounds >= promisedRounds;

/** Where the random choices begin: the same each time unless `LATCHKEY_TEST_SEED` says otherwise. */
const seed = readNumber('LATCHKEY_TEST_SEED', 1);

function readNumber(name: string, byDefault: number): number {
  const value = Number(process.env[name] ?? byDefault);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new Error(`${name}: not valid. Wanted: a whole number from 1.`);
  }
  return value;
}

/** So many of what takes longer than a race, in proportion. */
export function roundsOf(promised: number, least: number): number {
  return Math.max(least, Math.ceil((rounds * promised) / promisedRounds));
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

/** @param isRandom whether the seed decided what was tried */
export function startTrials(name: string, isRandom: boolean): Trials {
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
      const origin = isRandom ? ` (seed ${seed})` : '';
      print(`${name}${origin}: ${trials} trials, ${failures.length} failures${verdict}`);
    },
  };
}

/** The smallest of the values that is not below so many percent of them. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? Number.NaN;
}

/** Numbers that look random and are the same in every run of a seed (mulberry32), so that a failure comes again. */
export interface Dice {
  /** A whole number below `sides`. */
  roll(sides: number): number;
}

export function createDice(): Dice {
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
