import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { Origin } from '../../shared/records.ts';
import { createAuditEvent } from '../audit/audit-event.ts';
import type { Limits } from '../limits/limits.ts';
import { networkOf } from '../limits/network-of.ts';
import type { SessionParts } from './session-parts.ts';
import { issueTokens, type SignedIn } from './start-session.ts';

/**
 * Takes a refresh from the budget of the address, before anything is looked at.
 *
 * @throws LatchkeyError `rate_limited`
 */
export async function takeRefreshBudget(limits: Limits, { ip }: Origin): Promise<void> {
  await limits.consume([{ limit: 'refreshPerAddress', key: { chosen: networkOf(ip) } }]);
}

/**
 * Exchanges a refresh token for its successor and a new access token (RFC 9700 §4.14.2).
 * One statement of the store decides among any number of calls with the same token.
 *
 * @throws LatchkeyError `token_invalid` for what this server did not make: nothing changes;
 *   `session_revoked`; `token_expired` past the session's lifetime;
 *   `refresh_reused` for a spent token outside the grace: the session is revoked
 */
export async function refreshSession(
  parts: SessionParts,
  refreshToken: string,
  origin: Origin,
): Promise<SignedIn> {
  const { store, refreshTokens, runtime, sessionSettings } = parts;
  const presented = refreshTokens.parse(refreshToken);
  if (!presented) throw new LatchkeyError('token_invalid');
  const found = await store.findSession(presented.sessionId);
  // A made-up token ends here, before it could count as a reuse and sign somebody out.
  if (!found || !refreshTokens.isGenuine(presented, found.session)) {
    throw new LatchkeyError('token_invalid');
  }
  // If the host's own code fails, it fails before anything is spent.
  const claims = found.user && (await parts.claimsOf(found.user));
  const outcome = await store.rotateSession({
    sessionId: presented.sessionId,
    counter: presented.counter,
    sealedTokenKey: found.session.sealedTokenKey,
    now: runtime.now(),
    graceMs: sessionSettings.refreshGraceMs,
    origin,
    reuseEvent: createAuditEvent(runtime, 'session.refresh_reused', {
      actor: { ...origin, userId: null, sessionId: null },
      userId: found.user?.id ?? null,
      sessionId: presented.sessionId,
    }),
  });
  switch (outcome.kind) {
    case 'rotated':
    case 'repeated': {
      const isCurrent = found.user?.authorizationVersion === outcome.user.authorizationVersion;
      const claimsOf = isCurrent && claims ? async () => claims : parts.claimsOf;
      return issueTokens({ ...parts, claimsOf }, outcome.session, outcome.user);
    }
    case 'reused':
      throw new LatchkeyError('refresh_reused');
    case 'revoked':
      throw new LatchkeyError('session_revoked');
    case 'expired':
      throw new LatchkeyError('token_expired');
    case 'unknown':
      throw new LatchkeyError('token_invalid');
  }
}
