import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { AuditRecord } from '../../shared/records.ts';
import { createAuditEvent, type Actor } from '../audit/audit-event.ts';
import type { ReplacedSession, SessionWithUser } from '../store/store.ts';
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
  const found =
    refreshToken === null
      ? accessToken === null
        ? null
        : await findNamed(parts, accessToken)
      : await findGenuine(parts, refreshToken);
  if (!found) return false;
  const revoked = await parts.store.revokeSessions({
    which: { sessionId: found.session.id },
    at: parts.runtime.now(),
    event: () => createEndEvent(parts, found, actor),
  });
  return revoked > 0;
}

/**
 * The session of a refresh token as one whose place another one is to take, so that it ends as
 * by signing out; `null` for a token that this server did not make.
 */
export async function findReplaced(
  parts: SessionParts,
  refreshToken: string,
  actor: Actor,
): Promise<ReplacedSession | null> {
  const found = await findGenuine(parts, refreshToken);
  return found && { sessionId: found.session.id, event: () => createEndEvent(parts, found, actor) };
}

function createEndEvent(
  { runtime }: SessionParts,
  { session, user }: SessionWithUser,
  actor: Actor,
): AuditRecord {
  return createAuditEvent(runtime, 'session.ended', {
    actor: { ...actor, userId: user?.id ?? null, sessionId: session.id },
  });
}

async function findNamed(
  { accessTokens, store }: SessionParts,
  accessToken: string,
): Promise<SessionWithUser | null> {
  const sessionId = await accessTokens.findSessionId(accessToken);
  return sessionId === null ? null : store.findSession(sessionId);
}

async function findGenuine(
  { refreshTokens, store }: SessionParts,
  refreshToken: string,
): Promise<SessionWithUser | null> {
  const presented = refreshTokens.parse(refreshToken);
  if (!presented) return null;
  const found = await store.findSession(presented.sessionId);
  return found && refreshTokens.isGenuine(presented, found.session) ? found : null;
}
