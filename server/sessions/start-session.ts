import type { Origin, SessionRecord, UserRecord } from '../../shared/records.ts';
import type { SessionParts } from './session-parts.ts';

/** What a client gets to be signed in with. */
export interface SignedIn {
  readonly accessToken: string;
  /** Seconds. */
  readonly expiresIn: number;
  readonly refreshToken: string;
  /** When the refresh token stops working if it is never used; milliseconds since the epoch. */
  readonly refreshTokenExpiresAt: number;
  readonly user: UserRecord;
}

/** A session that begins now. Its lifetimes are fixed here. */
export function createSession(
  { refreshTokens, runtime, sessionSettings }: SessionParts,
  userId: string,
  origin: Origin,
): SessionRecord & { userId: string } {
  const id = runtime.newId();
  const now = runtime.now();
  const expiresAt = now + sessionSettings.ttlMs;
  return {
    id,
    userId,
    counter: 0,
    sealedTokenKey: refreshTokens.createTokenKey(id),
    createdAt: now,
    lastSeenAt: now,
    rotatedAt: now,
    expiresAt,
    idleExpiresAt: Math.min(expiresAt, now + sessionSettings.idleTtlMs),
    idleTtlMs: sessionSettings.idleTtlMs,
    revokedAt: null,
    ip: origin.ip,
    userAgent: origin.userAgent,
  };
}

/** The tokens that fit a session as it stands in the store. */
export async function issueTokens(
  parts: SessionParts,
  session: SessionRecord,
  user: UserRecord,
): Promise<SignedIn> {
  const { token, expiresIn } = await issueAccessToken(parts, session, user);
  return {
    accessToken: token,
    expiresIn,
    refreshToken: parts.refreshTokens.issue(session),
    refreshTokenExpiresAt: session.idleExpiresAt,
    user,
  };
}

/** An access token alone, which leaves the refresh token as it is. */
export async function issueAccessToken(
  { accessTokens, claimsOf }: Pick<SessionParts, 'accessTokens' | 'claimsOf'>,
  session: SessionRecord,
  user: UserRecord,
): Promise<{ readonly token: string; readonly expiresIn: number }> {
  const claims = {
    userId: user.id,
    sessionId: session.id,
    role: user.role,
    version: user.authorizationVersion,
    custom: await claimsOf(user),
  };
  return accessTokens.issue(claims, session.expiresAt);
}
