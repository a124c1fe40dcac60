import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { DeleteUserInput } from '../../shared/schemas.ts';
import { createAuditEvent } from '../audit/audit-event.ts';
import type { AccountParts, SignedInActor } from './account-parts.ts';
import { verifyPassword } from './verify-password.ts';

/**
 * Deletes the account that asks for it, and ends its sessions.
 *
 * @throws LatchkeyError `invalid_credentials`, `last_admin`, `rate_limited`, `overloaded`
 */
export async function deleteAccount(
  parts: AccountParts,
  actor: SignedInActor,
  { password }: DeleteUserInput,
): Promise<void> {
  const { store, runtime } = parts;
  const { userId } = actor;
  const { passwordHash } = await verifyPassword(parts, {
    accountKey: userId,
    credential: await store.findCredential({ userId }),
    password,
    origin: actor,
    failure: 'password_check.failed',
    actor,
  });
  const outcome = await store.deleteUser({
    userId,
    passwordHash,
    at: runtime.now(),
    event: createAuditEvent(runtime, 'user.deleted', { actor }),
  });
  if (outcome === 'last_admin') throw new LatchkeyError('last_admin');
  if (outcome === 'outdated') throw new LatchkeyError('invalid_credentials');
}
