import type { SessionRecord } from './records.ts';

/**
 * Whether a spent refresh token is the parent of the live one and was spent just now, so that
 * whoever presents it lost the answer, or asked a moment too early to have it.
 */
export function isInGrace(
  session: SessionRecord,
  presented: { readonly counter: number; readonly now: number; readonly graceMs: number },
): boolean {
  const { counter, now, graceMs } = presented;
  // Both ways round: a clock that is set back must not hold the grace open.
  return session.counter === counter + 1 && Math.abs(now - session.rotatedAt) < graceMs;
}
