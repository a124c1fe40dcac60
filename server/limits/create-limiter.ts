import type { CounterOptions, CreateCounter } from './counter.ts';

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

export function createLimiter(
  name: string,
  rule: LimitRule,
  createCounter: CreateCounter,
): Limiter {
  // With its numbers in the name, a rule that changes begins anew and meets no old state.
  const counterName = [name, rule.calls, rule.seconds, rule.pauseFactor ?? []].flat().join(':');
  const plain = createPlainLimiter({ ...rule, name: counterName }, createCounter);
  return rule.pauseFactor === undefined
    ? plain
    : addPauses(plain, { ...rule, name: counterName, factor: rule.pauseFactor }, createCounter);
}

function createPlainLimiter(options: CounterOptions, createCounter: CreateCounter): Limiter {
  const { calls } = options;
  const counter = createCounter(options);
  return {
    async take(key) {
      const count = await counter.consume(key);
      return count.calls > calls ? Math.max(1, count.leftMs) : 0;
    },
    async peek(key) {
      const count = await counter.read(key);
      return count && count.calls >= calls ? count.leftMs : 0;
    },
    giveBack: (key) => counter.add(key, -1),
    forget: (key) => counter.remove(key),
  };
}

/** Each step is decided by one atomic `consume`, so that parallel calls get no more than one pass. */
function addPauses(
  plain: Limiter,
  { name, seconds, factor }: { name: string; seconds: number; factor: number },
  createCounter: CreateCounter,
): Limiter {
  const gate = createCounter({ name: `${name}:gate`, calls: 1, seconds });
  const passes = createCounter({ name: `${name}:passes`, calls: seconds, seconds });
  return {
    async take(key) {
      if ((await plain.take(key)) === 0) return 0;
      const passed = (await passes.read(key))?.calls ?? 0;
      const count = await gate.consume(key, Math.min(seconds, factor ** (passed + 1)));
      if (count.calls > 1) return Math.max(1, count.leftMs);
      await passes.add(key, 1);
      return 0;
    },
    async peek(key) {
      if ((await plain.peek(key)) === 0) return 0;
      return (await gate.read(key))?.leftMs ?? 0;
    },
    giveBack: (key) => plain.giveBack(key),
    async forget(key) {
      await Promise.all([plain.forget(key), gate.remove(key), passes.remove(key)]);
    },
  };
}
