import { RateLimiterMemory } from 'rate-limiter-flexible';

export interface CounterOptions {
  /** Of the counter, unique in the installation. */
  readonly name: string;
  /** How many calls of a key are let through. */
  readonly calls: number;
  /** How long a key is counted, from its first call on. */
  readonly seconds: number;
}

/** Counts for each key within a time that begins with its first call. */
export interface Counter {
  /** Counts a call, one that is refused as well. */
  consume(key: string, seconds?: number): Promise<Count>;
  /** Counts without asking, back with a negative number. */
  add(key: string, calls: number): Promise<void>;
  /** @returns null where nothing is counted */
  read(key: string): Promise<Count | null>;
  remove(key: string): Promise<void>;
}

export interface Count {
  readonly calls: number;
  /** Until it is forgotten. */
  readonly leftMs: number;
}

export type CreateCounter = (options: CounterOptions) => Counter;

/** What every limiter of rate-limiter-flexible answers; said here, so that a host needs no types of it. */
interface LibraryState {
  readonly consumedPoints: number;
  readonly msBeforeNext: number;
}
/** What every limiter of it has. */
interface LibraryLimiter {
  penalty(key: string, points: number, options?: Expiry): Promise<LibraryState>;
  reward(key: string, points: number): Promise<LibraryState>;
  get(key: string): Promise<LibraryState | null>;
  delete(key: string): Promise<boolean>;
}
interface Expiry {
  readonly customDuration?: number;
}

export const createMemoryCounter: CreateCounter = ({ name, calls, seconds }) =>
  toCounter(new RateLimiterMemory({ keyPrefix: name, points: calls, duration: seconds }));

/** A counter on a limiter of the library; `penalty` is its `consume` that never throws. */
export function toCounter(limiter: LibraryLimiter): Counter {
  return {
    consume: async (key, seconds) =>
      toCount(
        await limiter.penalty(key, 1, seconds === undefined ? {} : { customDuration: seconds }),
      ),
    async add(key, calls) {
      await (calls < 0 ? limiter.reward(key, -calls) : limiter.penalty(key, calls));
    },
    async read(key) {
      const state = await limiter.get(key);
      // What is over may still be there.
      return state && state.msBeforeNext > 0 ? toCount(state) : null;
    },
    async remove(key) {
      await limiter.delete(key);
    },
  };
}

function toCount({ consumedPoints, msBeforeNext }: LibraryState): Count {
  return { calls: consumedPoints, leftMs: msBeforeNext };
}
