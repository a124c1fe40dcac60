import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { ChangePasswordInput } from '../../shared/schemas.ts';
import { createAuditEvent } from '../audit/audit-event.ts';
import { issueTokens, type SignedIn } from '../sessions/start-session.ts';
import type { AccountParts, SignedInActor } from './account-parts.ts';
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
  actor: SignedInActor,
  { currentPassword, newPassword }: ChangePasswordInput,
): Promise<SignedIn> {
  const { store, hasher, policy, refreshTokens, runtime } = parts;
  const { userId, sessionId } = actor;
  const { user, passwordHash } = await verifyPassword(parts, {
    accountKey: userId,
    credential: await store.findCredential({ userId }),
    password: currentPassword,
    origin: actor,
    failure: 'password_check.failed',
    actor,
  });
  policy.assertStrong(newPassword, [user.email, user.username, user.name]);
  const sealedTokenKey = refreshTokens.createTokenKey(sessionId);
  const outcome = await store.changePassword({
    userId,
    from: passwordHash,
    to: await hasher.hash(newPassword),
    sessionId,
    sealedTokenKey,
    at: runtime.now(),
    event: createAuditEvent(runtime, 'user.password_changed', { actor }),
  });
  // The session has ended, or the password was changed elsewhere, while hashes were computed.
  if (outcome === 'outdated') throw new LatchkeyError('invalid_credentials');
  const found = await store.findSession(sessionId);
  if (!found?.user) throw new LatchkeyError('session_revoked');
  return issueTokens(parts, { ...found.session, sealedTokenKey, counter: 0 }, found.user);
}
