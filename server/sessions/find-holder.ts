import { isInGrace } from '../../shared/is-in-grace.ts';
import { isUnexpired } from '../../shared/is-unexpired.ts';
import type { SessionRecord, UserRecord } from '../../shared/records.ts';
import type { SessionParts } from './session-parts.ts';

/**
 * Whose live session a refresh token stands for. The token is not spent, and nothing changes.
 *
 * A token that a refresh would take is taken: the live one, and within the grace its parent, which
 * a page sends that is asked for while another tab refreshes. Any other is nobody's. Whether a
 * spent one means theft is for a refresh to decide.
 */
export async function findHolder(
  parts: SessionParts,
  refreshToken: string,
): Promise<{ readonly session: SessionRecord; readonly user: UserRecord } | null> {
  const { store, refreshTokens, runtime, sessionSettings } = parts;
  const presented = refreshTokens.parse(refreshToken);
  if (!presented) return null;
  const found = await store.findSession(presented.sessionId);
  if (!found?.user || !refreshTokens.isGenuine(presented, found.session)) return null;
  const { session, user } = found;
  const now = runtime.now();
  if (session.revokedAt !== null || !isUnexpired(session, now)) return null;
  if (user.status !== 'active') return null;
  const { counter } = presented;
  const isTaken =
    counter === session.counter ||
    isInGrace(session, { counter, now, graceMs: sessionSettings.refreshGraceMs });
  return isTaken ? { session, user } : null;
}
