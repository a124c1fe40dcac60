import type { SessionRecord } from './records.ts';

/**
 * Whether a session is within its lifetimes. One that begins further ahead than it may live was
 * begun by a clock that was wrong, and does not wait for time to catch up.
 */
export function isUnexpired(
  { createdAt, expiresAt, idleExpiresAt }: SessionRecord,
  now: number,
): boolean {
  return expiresAt > now && idleExpiresAt > now && createdAt - now < expiresAt - createdAt;
}
