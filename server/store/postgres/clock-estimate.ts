import type { Runtime } from '../../runtime.ts';

/** A sample is replaced by a worse one only when it is older: crystals drift by less than 1 ms in this time. */
const keptMs = 10_000;
/** A clock that is set right bit by bit moves by less than this meanwhile. */
const slewedMs = 10;

/** The database's clock as it is known here. */
export interface ClockEstimate {
  /** The database's time now, in milliseconds since the Unix epoch. */
  now(): number;
  /** What the database said, and when it was asked and its answer came. */
  learn(databaseNow: number, asked: { readonly sentAt: number; readonly cameAt: number }): void;
}

/**
 * Goes on from the database's time by a clock that nobody can set, so that processes on machines
 * whose clocks differ agree on what has expired. An answer that took long says little: the
 * quickest of the last seconds counts, unless the database's clock was set since.
 */
export function createClockEstimate(runtime: Pick<Runtime, 'now' | 'elapsed'>): ClockEstimate {
  let best = { ahead: runtime.now() - runtime.elapsed(), tookMs: Infinity, cameAt: 0 };
  return {
    now: () => Math.floor(best.ahead + runtime.elapsed()),
    learn(databaseNow, { sentAt, cameAt }) {
      const tookMs = cameAt - sentAt;
      const ahead = databaseNow - (sentAt + cameAt) / 2;
      // Each is right to half the time that it took; where both cannot be, the clock was set.
      const wasSet = Math.abs(ahead - best.ahead) > (tookMs + best.tookMs) / 2 + slewedMs;
      if (!wasSet && tookMs > best.tookMs && cameAt - best.cameAt < keptMs) return;
      best = { ahead, tookMs, cameAt };
    },
  };
}
