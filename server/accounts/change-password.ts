import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { Origin } from '../../shared/records.ts';
import type { ChangePasswordInput } from '../../shared/schemas.ts';
import { createAuditEvent } from '../audit/audit-event.ts';
import type { Principal } from '../sessions/authenticate.ts';
import { issueTokens, type SignedIn } from '../sessions/start-session.ts';
import { actorOf, type AccountParts } from './account-parts.ts';
import { verifyPassword } from './verify-password.ts';

/**
 * Changes the password. Every other session ends, and no refresh token issued
 * before works again, not even this session's own.
 *
 * @throws LatchkeyError `invalid_credentials` when the current password is wrong;
 *   `weak_password`, `rate_limited`, `overloaded`
 */
export async function changePassword(
  parts: AccountParts,
  principal: Principal,
  { currentPassword, newPassword, origin }: ChangePasswordInput & { origin: Origin },
): Promise<SignedIn> {
  const { store, hasher, policy, refreshTokens, runtime } = parts;
  const { user, session } = principal;
  const actor = actorOf(principal, origin);
  const { passwordHash } = await verifyPassword(parts, {
    accountKey: user.id,
    credential: await store.findCredential({ userId: user.id }),
    password: currentPassword,
    origin,
    failure: 'password_check.failed',
    actor,
  });
  policy.assertStrong(newPassword, [user.email, user.username, user.name]);
  const sealedTokenKey = refreshTokens.createTokenKey(session.id);
  const outcome = await store.changePassword({
    userId: user.id,
    from: passwordHash,
    to: await hasher.hash(newPassword),
    sessionId: session.id,
    sealedTokenKey,
    at: runtime.now(),
    event: createAuditEvent(runtime, 'user.password_changed', { actor }),
  });
  // The session has ended, or the password was changed elsewhere, while hashes were computed.
  if (outcome === 'outdated') throw new LatchkeyError('invalid_credentials');
  const found = await store.findSession(session.id);
  if (!found?.user) throw new LatchkeyError('session_revoked');
  return issueTokens(parts, { ...found.session, sealedTokenKey, counter: 0 }, found.user);
}
