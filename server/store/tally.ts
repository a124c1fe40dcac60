import type { Steps } from './store.ts';

/** Counts of each step; what happened outside of all is left out. */
export interface Tally {
  readonly counts: number[];
  add(at: number, howMany: number): void;
}

export function createTally({ since, stepMs, count }: Steps): Tally {
  const counts = Array<number>(count).fill(0);
  return {
    counts,
    add(at, howMany) {
      const step = Math.ceil((at - since) / stepMs) - 1;
      const before = counts[step];
      if (before !== undefined) counts[step] = before + howMany;
    },
  };
}

/** Below every id of that millisecond (RFC 9562 §5.7): ids are in the order of time. */
export function firstIdOf(at: number): string {
  const hex = Math.max(0, at).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}
