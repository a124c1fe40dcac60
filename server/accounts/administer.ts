import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { UserRecord } from '../../shared/records.ts';
import type { UserStatus } from '../../shared/schemas.ts';
import { createAuditEvent, type Actor } from '../audit/audit-event.ts';
import type { Runtime } from '../runtime.ts';
import { revokeSessions } from '../sessions/revoke-sessions.ts';
import type { Store } from '../store/store.ts';

/** What the admin's rules work with. */
export interface AdminParts {
  readonly store: Store;
  readonly runtime: Runtime;
}

/** @throws LatchkeyError `not_found` */
export async function getUser({ store }: AdminParts, userId: string): Promise<UserRecord> {
  const user = await store.findUser(userId);
  if (!user) throw new LatchkeyError('not_found');
  return user;
}

/**
 * Gives a user another role. Access tokens issued before are stale from here on.
 *
 * @throws LatchkeyError `not_found`, `last_admin`
 */
export async function setRole(
  { store, runtime }: AdminParts,
  { userId, role, actor }: { userId: string; role: string; actor: Actor },
): Promise<UserRecord> {
  const outcome = await store.setRole({
    userId,
    role,
    at: runtime.now(),
    event: createAuditEvent(runtime, 'user.role_changed', { actor, userId, detail: { role } }),
  });
  return assertChanged(outcome);
}

/**
 * Disables a user, which ends all sessions, or enables one again, which revives none.
 *
 * @throws LatchkeyError `not_found`, `last_admin`
 */
export async function setStatus(
  { store, runtime }: AdminParts,
  { userId, status, actor }: { userId: string; status: UserStatus; actor: Actor },
): Promise<UserRecord> {
  const type = status === 'disabled' ? 'user.disabled' : 'user.enabled';
  const outcome = await store.setStatus({
    userId,
    status,
    at: runtime.now(),
    event: createAuditEvent(runtime, type, { actor, userId, sessionId: null }),
  });
  return assertChanged(outcome);
}

/**
 * Ends a session of a user, and of no other.
 *
 * @returns whether it ended by this call
 * @throws LatchkeyError `not_found` when there is no such user
 */
export async function revokeUserSession(
  parts: AdminParts,
  { userId, sessionId, actor }: { userId: string; sessionId: string; actor: Actor },
): Promise<boolean> {
  await getUser(parts, userId);
  const which = { sessionId, ofUserId: userId };
  return (await revokeSessions(parts, { which, actor, userId })) > 0;
}

/**
 * Ends every session of a user.
 *
 * @returns how many ended
 * @throws LatchkeyError `not_found`
 */
export async function revokeUserSessions(
  parts: AdminParts,
  { userId, actor }: { userId: string; actor: Actor },
): Promise<number> {
  await getUser(parts, userId);
  return revokeSessions(parts, { which: { userId }, actor, userId });
}

function assertChanged(outcome: UserRecord | 'not_found' | 'last_admin'): UserRecord {
  if (typeof outcome === 'string') throw new LatchkeyError(outcome);
  return outcome;
}
