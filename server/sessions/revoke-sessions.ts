import { createAuditEvent, type Actor } from '../audit/audit-event.ts';
import type { RevokeSessions } from '../store/store.ts';
import type { SessionParts } from './session-parts.ts';

/**
 * Ends sessions in somebody's name; refused at their next call.
 *
 * @param userId whose sessions
 * @returns how many ended
 */
export async function revokeSessions(
  { store, runtime }: Pick<SessionParts, 'store' | 'runtime'>,
  { which, actor, userId }: { which: RevokeSessions['which']; actor: Actor; userId: string },
): Promise<number> {
  return store.revokeSessions({
    which,
    at: runtime.now(),
    event: (revoked) =>
      createAuditEvent(runtime, 'session.revoked', {
        actor,
        userId,
        sessionId: 'sessionId' in which ? which.sessionId : null,
        detail: { revoked },
      }),
  });
}
