import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { Origin } from '../../shared/records.ts';
import { createAuditEvent } from '../audit/audit-event.ts';
import type { Principal } from '../sessions/authenticate.ts';
import { actorOf, type AccountParts } from './account-parts.ts';
import { verifyPassword } from './verify-password.ts';

/**
 * Deletes the account that asks for it, and ends its sessions.
 *
 * @throws LatchkeyError `invalid_credentials`, `last_admin`, `rate_limited`, `overloaded`
 */
export async function deleteAccount(
  parts: AccountParts,
  principal: Principal,
  { password, origin }: { password: string; origin: Origin },
): Promise<void> {
  const { store, runtime } = parts;
  const userId = principal.user.id;
  const actor = actorOf(principal, origin);
  const { passwordHash } = await verifyPassword(parts, {
    accountKey: userId,
    credential: await store.findCredential({ userId }),
    password,
    origin,
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
