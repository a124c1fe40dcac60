const windowMs = 60_000;
const firstDelayMs = 500;
const longestDelayMs = 30_000;

/**
 * How long to wait before a worker that has ended is replaced: not at all the first time in a
 * minute, then twice as long each time, up to half a minute.
 *
 * @param now milliseconds, of any clock
 */
export function createBackOff(now: () => number): () => number {
  let ends: number[] = [];
  return () => {
    // Both ways round: a clock that is set must not make it wait for longer.
    ends = [...ends.filter((at) => Math.abs(now() - at) < windowMs), now()];
    return ends.length === 1 ? 0 : Math.min(longestDelayMs, firstDelayMs * 2 ** (ends.length - 2));
  };
}
