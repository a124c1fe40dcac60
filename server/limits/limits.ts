import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { LatchkeyError } from '../../shared/latchkey-error.ts';

/** How many calls in how many seconds, for each key. */
export interface LimitRule {
  readonly calls: number;
  readonly seconds: number;
}

/**
 * A person never meets these; whoever guesses does. An address is an IPv4
 * address or an IPv6 network of 64 bits.
 */
export const defaultLimits = {
  /** Passwords tried from one address. */
  signInPerAddress: { calls: 10, seconds: 60 },
  /** Passwords tried for one account, from wherever. */
  signInPerAccount: { calls: 100, seconds: 3_600 },
  /** Passwords tried for one account from one address. */
  signInPerAccountAndAddress: { calls: 20, seconds: 900 },
  /** Accounts made from one address. */
  registerPerAddress: { calls: 30, seconds: 3_600 },
  /** Sessions refreshed from one address. */
  refreshPerAddress: { calls: 600, seconds: 60 },
} as const satisfies Record<string, LimitRule>;

export type LimitName = keyof typeof defaultLimits;

export interface Limits {
  /**
   * Takes one call from the budget, before the work and atomically.
   *
   * @throws LatchkeyError `rate_limited` with the seconds until there is budget again
   */
  consume(limit: LimitName, key: string): Promise<void>;
  /** Gives one call back. */
  refund(limit: LimitName, key: string): Promise<void>;
  /** Forgets what was consumed. */
  clear(limit: LimitName, key: string): Promise<void>;
}

/** Limits kept in this process. */
export function createMemoryLimits(rules: Readonly<Record<LimitName, LimitRule>>): Limits {
  const limiters = new Map(
    Object.entries(rules).map(([name, { calls, seconds }]) => [
      name,
      new RateLimiterMemory({ keyPrefix: name, points: calls, duration: seconds }),
    ]),
  );

  function limiterOf(limit: LimitName): RateLimiterMemory {
    const limiter = limiters.get(limit);
    if (!limiter) throw new Error(`There is no limit named ${limit}.`);
    return limiter;
  }

  return {
    async consume(limit, key) {
      try {
        await limiterOf(limit).consume(key);
      } catch (refusal) {
        if (!(refusal instanceof RateLimiterRes)) throw refusal;
        const retryAfterSeconds = Math.max(1, Math.ceil(refusal.msBeforeNext / 1_000));
        throw new LatchkeyError('rate_limited', { retryAfterSeconds });
      }
    },
    async refund(limit, key) {
      await limiterOf(limit).reward(key);
    },
    async clear(limit, key) {
      await limiterOf(limit).delete(key);
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
