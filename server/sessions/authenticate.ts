import { isUnexpired } from '../../shared/is-unexpired.ts';
import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { SessionRecord, UserRecord } from '../../shared/records.ts';
import type { SessionParts } from './session-parts.ts';

/** Who makes a call: a user, in a session that has not ended. */
export interface Principal {
  readonly user: UserRecord;
  readonly session: SessionRecord;
  /** The host's own claims of the access token. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/**
 * Verifies an access token, then that its session and its user are still what
 * the token says. The second half is never skipped, so revoking is immediate.
 *
 * @throws LatchkeyError `token_invalid`, `token_expired`, `session_revoked`, `token_stale`
 */
export async function authenticate(
  { accessTokens, store, runtime }: Pick<SessionParts, 'accessTokens' | 'store' | 'runtime'>,
  accessToken: string,
): Promise<Principal> {
  const claims = await accessTokens.verify(accessToken);
  const found = await store.findSession(claims.sessionId);
  const user = found?.user;
  if (!found || !user || user.id !== claims.userId || user.status !== 'active') {
    throw new LatchkeyError('session_revoked');
  }
  const { session } = found;
  if (session.revokedAt !== null || !isUnexpired(session, runtime.now())) {
    throw new LatchkeyError('session_revoked');
  }
  if (user.authorizationVersion !== claims.version || user.role !== claims.role) {
    throw new LatchkeyError('token_stale');
  }
  return { user, session, claims: claims.custom };
}
