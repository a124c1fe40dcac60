import { isUnexpired } from '../../shared/is-unexpired.ts';
import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { SessionRecord, UserRecord } from '../../shared/records.ts';
import type { SessionWithUser, Store } from '../store/store.ts';
import type { AccessClaims } from '../tokens/access-token.ts';
import type { SessionParts } from './session-parts.ts';

/** Who makes a call: a user, in a session that has not ended. */
export interface Principal {
  readonly user: UserRecord;
  readonly session: SessionRecord;
  /** The host's own claims of the access token. */
  readonly claims: Readonly<Record<string, unknown>>;
}

type AuthenticationParts = Pick<SessionParts, 'accessTokens' | 'store' | 'runtime'>;

/**
 * Verifies an access token, then that its session and its user are still what
 * the token says. The second half is never skipped, so revoking is immediate.
 *
 * @param recall what is known of a session, if nothing was written since; by default the store is asked
 * @throws LatchkeyError `token_invalid`, `token_expired`, `session_revoked`, `token_stale`
 */
export async function authenticate(
  { accessTokens, store, runtime }: AuthenticationParts,
  accessToken: string,
  recall: Store['recallSession'] = () => undefined,
): Promise<Principal> {
  const claims = await accessTokens.verify(accessToken);
  const found = recall(claims.sessionId) ?? (await store.findSession(claims.sessionId));
  return check(claims, found, runtime.now());
}

/**
 * The same without a wait, where the token has been verified before and nothing has been written
 * since its session was read; `null` where `authenticate` has to be asked.
 *
 * @throws LatchkeyError `session_revoked`, `token_stale`
 */
export function recognise(
  { accessTokens, store, runtime }: AuthenticationParts,
  accessToken: string,
): Principal | null {
  const claims = accessTokens.recall(accessToken);
  const found = claims && store.recallSession(claims.sessionId);
  return found ? check(claims, found, runtime.now()) : null;
}

function check(claims: AccessClaims, found: SessionWithUser | null, now: number): Principal {
  const user = found?.user;
  if (!found || !user || user.id !== claims.userId || user.status !== 'active') {
    throw new LatchkeyError('session_revoked');
  }
  const { session } = found;
  if (session.revokedAt !== null || !isUnexpired(session, now)) {
    throw new LatchkeyError('session_revoked');
  }
  if (user.authorizationVersion !== claims.version || user.role !== claims.role) {
    throw new LatchkeyError('token_stale');
  }
  return { user, session, claims: claims.custom };
}
