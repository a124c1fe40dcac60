import { LatchkeyError } from '../../shared/latchkey-error.ts';
import { createAuditEvent, type Actor } from '../audit/audit-event.ts';
import type { SessionParts } from './session-parts.ts';

/** The ways in which a call may say which session it belongs to. */
export interface SessionCredentials {
  /** From the input, or in cookie mode from the cookie. */
  readonly refreshToken: string | null;
  readonly accessToken: string | null;
  /** Refresh token of a cookie that came along while another one was in the input. */
  readonly otherRefreshToken: string | null;
}

/**
 * Refuses credentials of two different sessions in one call, so that nobody acts
 * on one person's session in another one's name.
 *
 * @throws LatchkeyError `token_invalid`: nothing has changed
 */
export async function assertOneSession(
  { accessTokens, refreshTokens }: SessionParts,
  credentials: SessionCredentials,
): Promise<void> {
  const { refreshToken, otherRefreshToken, accessToken } = credentials;
  const named = new Set<string>();
  for (const token of [refreshToken, otherRefreshToken]) {
    const sessionId = token === null ? undefined : refreshTokens.parse(token)?.sessionId;
    if (sessionId !== undefined) named.add(sessionId);
  }
  if (accessToken !== null) {
    const sessionId = await accessTokens.findSessionId(accessToken);
    if (sessionId !== null) named.add(sessionId);
  }
  if (named.size > 1) throw new LatchkeyError('token_invalid');
}

/**
 * Signs out: ends the session that the refresh token, else the access token names.
 * An expired access token will do; a token that this server did not make changes nothing.
 *
 * @returns whether a session ended by this call
 */
export async function endSession(
  parts: SessionParts,
  { refreshToken, accessToken }: SessionCredentials,
  actor: Actor,
): Promise<boolean> {
  const sessionId =
    refreshToken === null
      ? accessToken === null
        ? null
        : await parts.accessTokens.findSessionId(accessToken)
      : await findGenuineSessionId(parts, refreshToken);
  if (sessionId === null) return false;
  const found = await parts.store.findSession(sessionId);
  const revoked = await parts.store.revokeSessions({
    which: { sessionId },
    at: parts.runtime.now(),
    event: () =>
      createAuditEvent(parts.runtime, 'session.ended', {
        actor: { ...actor, userId: found?.user?.id ?? null, sessionId },
      }),
  });
  return revoked > 0;
}

async function findGenuineSessionId(
  { refreshTokens, store }: SessionParts,
  refreshToken: string,
): Promise<string | null> {
  const presented = refreshTokens.parse(refreshToken);
  if (!presented) return null;
  const found = await store.findSession(presented.sessionId);
  return found && refreshTokens.isGenuine(presented, found.session) ? presented.sessionId : null;
}
