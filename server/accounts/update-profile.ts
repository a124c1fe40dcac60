import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { UserRecord } from '../../shared/records.ts';
import type { UpdateUserInput } from '../../shared/schemas.ts';
import { createAuditEvent } from '../audit/audit-event.ts';
import type { AccountParts, SignedInActor } from './account-parts.ts';
import { getUser } from './administer.ts';

/**
 * Changes the name or the username of whoever asks; what is absent stays, `null` clears.
 *
 * @throws LatchkeyError `username_taken`, `rate_limited`
 */
export async function updateProfile(
  parts: AccountParts,
  actor: SignedInActor,
  input: UpdateUserInput,
): Promise<UserRecord> {
  const { store, limits, runtime } = parts;
  const changed = Object.entries(input).flatMap(([field, value]) =>
    value === undefined ? [] : [field],
  );
  if (changed.length === 0) return getUser(parts, actor.userId);
  await limits.consume([{ limit: 'updatePerUser', key: { known: actor.userId } }]);
  const outcome = await store.updateProfile({
    ...input,
    userId: actor.userId,
    at: runtime.now(),
    event: createAuditEvent(runtime, 'user.updated', { actor, detail: { changed } }),
  });
  if (outcome === 'username_taken') throw new LatchkeyError('username_taken');
  if (outcome === 'not_found') throw new LatchkeyError('session_revoked');
  return outcome;
}
