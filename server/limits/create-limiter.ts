import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';

/** How many calls in how many seconds, for each key. */
export interface LimitRule {
  readonly calls: number;
  readonly seconds: number;
  /**
   * Lets further calls through with pauses between them, each this many times as
   * long as the one before, the first this many seconds. Without it they wait until
   * the seconds are over.
   */
  readonly pauseFactor?: number | undefined;
}

/** A budget for each key. */
export interface Limiter {
  /** @returns milliseconds to wait, and nothing taken, or 0 and one call taken */
  take(key: string): Promise<number>;
  /** @returns milliseconds that `take` would make wait now */
  peek(key: string): Promise<number>;
  /** Gives one call back. */
  giveBack(key: string): Promise<void>;
  /** Forgets what was taken. */
  forget(key: string): Promise<void>;
}

export function createLimiter(rule: LimitRule): Limiter {
  const plain = createPlainLimiter(rule);
  return rule.pauseFactor === undefined ? plain : addPauses(plain, rule, rule.pauseFactor);
}

function createPlainLimiter({ calls, seconds }: LimitRule): Limiter {
  const limiter = new RateLimiterMemory({ points: calls, duration: seconds });
  return {
    take: (key) => waitFor(limiter.consume(key)),
    async peek(key) {
      const state = await limiter.get(key);
      return state && state.consumedPoints >= calls ? state.msBeforeNext : 0;
    },
    async giveBack(key) {
      await limiter.reward(key);
    },
    async forget(key) {
      await limiter.delete(key);
    },
  };
}

/** Each step is decided by one atomic `consume`, so that parallel calls get no more than one pass. */
function addPauses(plain: Limiter, { seconds }: LimitRule, factor: number): Limiter {
  const gate = new RateLimiterMemory({ points: 1, duration: seconds });
  const passes = new RateLimiterMemory({ points: seconds, duration: seconds });
  return {
    async take(key) {
      if ((await plain.take(key)) === 0) return 0;
      const passed = (await passes.get(key))?.consumedPoints ?? 0;
      const customDuration = Math.min(seconds, factor ** (passed + 1));
      const waitMs = await waitFor(gate.consume(key, 1, { customDuration }));
      if (waitMs === 0) await passes.penalty(key);
      return waitMs;
    },
    async peek(key) {
      if ((await plain.peek(key)) === 0) return 0;
      return (await gate.get(key))?.msBeforeNext ?? 0;
    },
    giveBack: (key) => plain.giveBack(key),
    async forget(key) {
      await Promise.all([plain.forget(key), gate.delete(key), passes.delete(key)]);
    },
  };
}

/** rate-limiter-flexible rejects with the state of the budget where it refuses. */
async function waitFor(consuming: Promise<RateLimiterRes>): Promise<number> {
  try {
    await consuming;
    return 0;
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return Math.max(1, refusal.msBeforeNext);
    throw refusal;
  }
}
