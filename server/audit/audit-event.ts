import type { AuditRecord, Origin } from '../../shared/records.ts';
import type { Runtime } from '../runtime.ts';

/** Every kind of security event. A type is API and never changes its meaning. */
export const auditEventTypes = [
  'user.registered',
  'user.created',
  'user.updated',
  'user.password_changed',
  'user.deleted',
  'user.role_changed',
  'user.disabled',
  'user.enabled',
  'sign_in.succeeded',
  'sign_in.failed',
  'password_check.failed',
  'session.ended',
  'session.revoked',
  'session.refresh_reused',
  'access.refused',
  'limit.reached',
  'token.refused',
  'input.refused',
  'keys.created',
  'keys.rotated',
] as const;
export type AuditEventType = (typeof auditEventTypes)[number];

/** Who does something, and from where. */
export interface Actor extends Origin {
  readonly userId: string | null;
  readonly sessionId: string | null;
}

export interface AuditSubject {
  /** Whom it is about; the actor by default. */
  readonly userId?: string | null;
  /** Which session it is about; the actor's by default. */
  readonly sessionId?: string | null;
  /** What else there is to say; never a secret, a token, or anything typed by a stranger. */
  readonly detail?: Readonly<Record<string, string | number | boolean | null | readonly string[]>>;
}

/** Writes down that something happened just now. */
export function createAuditEvent(
  runtime: Runtime,
  type: AuditEventType,
  { actor, userId, sessionId, detail = {} }: AuditSubject & { actor: Actor },
): AuditRecord {
  return {
    id: runtime.newId(),
    at: runtime.now(),
    type,
    actorId: actor.userId,
    userId: userId === undefined ? actor.userId : userId,
    sessionId: sessionId === undefined ? actor.sessionId : sessionId,
    ip: actor.ip,
    userAgent: actor.userAgent,
    detail,
  };
}
