import { createHmac } from 'node:crypto';
import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { Runtime } from '../runtime.ts';
import { createMemoryCounter, type CreateCounter } from './counter.ts';
import { createLimiter, type Limiter, type LimitRule } from './create-limiter.ts';

export type { LimitRule } from './create-limiter.ts';

/**
 * A person never meets these; whoever guesses does. An address is an IPv4 address
 * or an IPv6 network of 64 bits.
 *
 * Against one account they let through at most 20 guesses in a quarter of an hour,
 * so 100 in any hour, from wherever they come. Who signs in where the account has
 * been signed in before has a budget of their own, which no stranger can use up.
 */
export const defaultLimits = {
  /** Passwords tried from one address, for whatever account. */
  signInPerAddress: { calls: 10, seconds: 60 },
  /** Passwords tried for one account, from addresses where it was signed in before, taken together. */
  signInFromKnownAddresses: { calls: 10, seconds: 900 },
  /** Passwords tried for one account, from all other addresses taken together. */
  signInFromStrangers: { calls: 10, seconds: 900 },
  /** Passwords tried for one account from one of those other addresses; after some it takes patience. */
  signInFromOneStranger: { calls: 5, seconds: 900, pauseFactor: 4 },
  /** Passwords tried, by everybody for everybody. */
  signInOverall: { calls: 6_000, seconds: 60 },
  /** Accounts made from one address. */
  registerPerAddress: { calls: 30, seconds: 3_600 },
  /** Accounts made by everybody. */
  registerOverall: { calls: 3_000, seconds: 3_600 },
  /** Sessions refreshed from one address. */
  refreshPerAddress: { calls: 600, seconds: 60 },
  /** Names and secrets of services that were wrong, from one address. Who has a right one is never counted. */
  serviceGuessesPerAddress: { calls: 10, seconds: 60 },
  /** Changes of profile by one user: each tells whether a username is taken. */
  updatePerUser: { calls: 30, seconds: 3_600 },
} as const satisfies Record<string, LimitRule>;

export type LimitName = keyof typeof defaultLimits;

/** Limits that differ from the defaults. */
export type LimitOverrides = Readonly<Partial<Record<LimitName, LimitRule>>>;

/**
 * Whose budget it is: of something that our database knows, of something that
 * whoever calls can choose freely, or everybody's.
 */
export type LimitKey = { readonly known: string } | { readonly chosen: string } | 'everybody';

export interface Budget {
  readonly limit: LimitName;
  readonly key: LimitKey;
}

export interface Limits {
  /**
   * Takes one call from each budget in order, before the work and atomically. A
   * budget after one that is used up stays as it is.
   *
   * @throws LatchkeyError `rate_limited` with the seconds until all have budget again
   */
  consume(budgets: readonly Budget[]): Promise<void>;
  /** Gives one call back to each. */
  refund(budgets: readonly Budget[]): Promise<void>;
  /** Forgets what was taken from each. */
  clear(budgets: readonly Budget[]): Promise<void>;
}

/**
 * Keys that callers choose share this many budgets of each limit, so that a
 * million addresses cost no more memory than these. Which share one nobody outside
 * can know.
 */
const chosenKeys = 32_768;

/** Limits kept in this process. */
export function createMemoryLimits(overrides: LimitOverrides, runtime: Runtime): Limits {
  return createLimits(overrides, runtime.randomBytes(32), createMemoryCounter);
}

/**
 * Limits on counters of some kind.
 *
 * @param salt makes names of keys: the same in all processes that share counters
 */
export function createLimits(
  overrides: LimitOverrides,
  salt: Uint8Array,
  createCounter: CreateCounter,
): Limits {
  const limiters = new Map(
    Object.entries<LimitRule>({ ...defaultLimits, ...overrides }).map(([name, rule]) => [
      name,
      createLimiter(name, rule, createCounter),
    ]),
  );

  function limiterOf({ limit }: Budget): Limiter {
    const limiter = limiters.get(limit);
    if (!limiter) throw new Error(`There is no limit named ${limit}.`);
    return limiter;
  }

  function digest(text: string): Buffer {
    return createHmac('sha256', salt).update(text).digest();
  }

  /** In a shared place neither an id nor an address stands, and no key of another installation. */
  function nameOf({ key }: Budget): string {
    return digest(wordsOf(key)).toString('base64url', 0, 16);
  }

  function wordsOf(key: LimitKey): string {
    if (key === 'everybody') return key;
    if ('known' in key) return `known ${key.known}`;
    return `chosen ${digest(key.chosen).readUInt32BE(0) % chosenKeys}`;
  }

  return {
    async consume(budgets) {
      for (const [index, budget] of budgets.entries()) {
        const waitMs = await limiterOf(budget).take(nameOf(budget));
        if (waitMs > 0) {
          const others = budgets.slice(index + 1);
          const waits = await Promise.all(
            others.map((other) => limiterOf(other).peek(nameOf(other))),
          );
          const retryAfterSeconds = Math.ceil(Math.max(waitMs, ...waits) / 1_000);
          throw new LatchkeyError('rate_limited', { retryAfterSeconds, limit: budget.limit });
        }
      }
    },
    async refund(budgets) {
      for (const budget of budgets) await limiterOf(budget).giveBack(nameOf(budget));
    },
    async clear(budgets) {
      for (const budget of budgets) await limiterOf(budget).forget(nameOf(budget));
    },
  };
}

/** No limits, for benchmarks and for tests that are about something else. */
export function createNoLimits(): Limits {
  return {
    consume: async () => {},
    refund: async () => {},
    clear: async () => {},
  };
}
