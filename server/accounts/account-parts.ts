import type { Origin } from '../../shared/records.ts';
import type { Actor } from '../audit/audit-event.ts';
import type { Limits } from '../limits/limits.ts';
import type { PasswordHasher } from '../passwords/password-hasher.ts';
import type { PasswordPolicy } from '../passwords/password-policy.ts';
import type { SessionParts } from '../sessions/session-parts.ts';
import type { ReplacedSession } from '../store/store.ts';

/** What the rules about accounts work with. */
export interface AccountParts extends SessionParts {
  readonly hasher: PasswordHasher;
  readonly policy: PasswordPolicy;
  readonly limits: Limits;
}

/** A signed-in user in a session, and from where the call comes. */
export interface SignedInActor extends Actor {
  readonly userId: string;
  readonly sessionId: string;
}

/** Somebody who wants to be signed in, and from where. */
export interface Visitor extends Origin {
  /** The session that the visitor's browser has been in: the new one takes its place. */
  readonly replaced?: ReplacedSession | null;
}

/** Somebody who is not signed in, from where the call comes. */
export function strangerFrom({ ip, userAgent }: Origin): Actor {
  return { ip, userAgent, userId: null, sessionId: null };
}
