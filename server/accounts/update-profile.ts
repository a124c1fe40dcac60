import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { Origin, UserRecord } from '../../shared/records.ts';
import type { UpdateUserInput } from '../../shared/schemas.ts';
import { createAuditEvent } from '../audit/audit-event.ts';
import type { Principal } from '../sessions/authenticate.ts';
import { actorOf, type AccountParts } from './account-parts.ts';

/**
 * Changes the name or the username of whoever asks; what is absent stays, `null` clears.
 *
 * @throws LatchkeyError `username_taken`
 */
export async function updateProfile(
  { store, runtime }: AccountParts,
  principal: Principal,
  { name, username, origin }: UpdateUserInput & { origin: Origin },
): Promise<UserRecord> {
  const changed = [...(name === undefined ? [] : ['name']), ...(username === undefined ? [] : ['username'])];
  if (changed.length === 0) return principal.user;
  const outcome = await store.updateProfile({
    userId: principal.user.id,
    name,
    username,
    at: runtime.now(),
    event: createAuditEvent(runtime, 'user.updated', {
      actor: actorOf(principal, origin),
      detail: { changed },
    }),
  });
  if (outcome === 'username_taken') throw new LatchkeyError('username_taken');
  if (outcome === 'not_found') throw new LatchkeyError('session_revoked');
  return outcome;
}
