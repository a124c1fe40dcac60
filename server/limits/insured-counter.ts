import type { Circuit } from './circuit.ts';
import { createMemoryCounter, type Count, type Counter, type CounterOptions } from './counter.ts';

/** Whose ends of one time differ by less than this: an answer is so long under way at most. */
const toleranceMs = 250;

/**
 * A counter that all processes share, with one of this process's own that steps in without it.
 *
 * The own one counts all the time what this process lets through, to the end of the shared time:
 * whatever becomes of the shared state, flushed, evicted, gone and back again, this process lets
 * no key through more often than its calls. (The insurance of rate-limiter-flexible begins to
 * count when the shared store fails, so that a store that comes and goes gives new budgets.)
 *
 * `removals` tells that a key was removed by another process, which looks like one that was lost.
 */
export function insureCounter(
  { shared, removals }: { readonly shared: Counter; readonly removals: Counter },
  options: CounterOptions,
  circuit: Circuit,
): Counter {
  const own = createMemoryCounter(options);

  /** Whether the own count is of calls that the shared one has rightly forgotten. */
  async function wasRemoved(key: string): Promise<boolean> {
    const removal = await circuit.ask(() => removals.read(key));
    if (removal === null || removal.value === null) return false;
    await own.remove(key);
    return true;
  }

  return {
    async consume(key, seconds) {
      const asked = await circuit.ask(() => shared.consume(key, seconds), true);
      if (asked === null) return own.consume(key, seconds);
      if (asked.value.calls > options.calls) return asked.value;
      const left = asked.value.leftMs / 1_000;
      const count = await own.consume(key, left > 0 ? left : seconds);
      const isLost = count.calls > options.calls && count.leftMs > toleranceMs;
      return isLost && !(await wasRemoved(key)) ? count : asked.value;
    },
    async add(key, calls) {
      await Promise.all([circuit.ask(() => shared.add(key, calls)), own.add(key, calls)]);
    },
    async read(key) {
      const [asked, count] = await Promise.all([
        circuit.ask(() => shared.read(key)),
        own.read(key),
      ]);
      if (asked === null || count === null) return asked?.value ?? count;
      const isLost = count.calls > callsOf(asked.value) && count.leftMs > toleranceMs;
      return isLost && !(await wasRemoved(key)) ? count : asked.value;
    },
    async remove(key) {
      await Promise.all([
        circuit.ask(() => shared.remove(key)),
        circuit.ask(() => removals.add(key, 1)),
        own.remove(key),
      ]);
    },
  };
}

function callsOf(count: Count | null): number {
  return count?.calls ?? 0;
}
