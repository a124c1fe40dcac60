import type { UserStatus } from './schemas.ts';

/** Rows as the server holds them. Times are milliseconds since the Unix epoch. */

export interface UserRecord {
  readonly id: string;
  readonly email: string;
  readonly emailVerified: boolean;
  readonly username: string | null;
  readonly name: string | null;
  readonly role: string;
  readonly status: UserStatus;
  /** Grows with every change of what the user may do; an access token carries it as `ver`. */
  readonly authorizationVersion: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A user together with the hash that a sign-in is checked against. */
export interface CredentialRecord {
  readonly user: UserRecord;
  readonly passwordHash: string | null;
}

export interface SessionRecord {
  readonly id: string;
  /** `null` once the user is deleted. */
  readonly userId: string | null;
  /** How often the refresh token was rotated; the live token carries it. */
  readonly counter: number;
  /** The key of this session's refresh tokens, encrypted. */
  readonly sealedTokenKey: Uint8Array;
  readonly createdAt: number;
  readonly lastSeenAt: number;
  readonly rotatedAt: number;
  /** End of the absolute lifetime. */
  readonly expiresAt: number;
  /** End of the idle lifetime, moved by each refresh and never past `expiresAt`. */
  readonly idleExpiresAt: number;
  /** How long the session lives without a refresh, fixed at sign-in. */
  readonly idleTtlMs: number;
  readonly revokedAt: number | null;
  readonly ip: string | null;
  readonly userAgent: string | null;
}

export type SigningKeyStatus = 'next' | 'active' | 'retired';

export interface SigningKeyRecord {
  readonly id: string;
  readonly algorithm: string;
  readonly status: SigningKeyStatus;
  /** Public JWK (RFC 7517) as JSON; `null` for a symmetric key. */
  readonly publicJwk: string | null;
  /** Private or symmetric JWK as JSON, encrypted. */
  readonly sealedPrivateJwk: Uint8Array;
  readonly createdAt: number;
  /** When it stopped signing; it verifies for as long as what it signed may live. */
  readonly retiredAt: number | null;
}

export interface AuditRecord {
  readonly id: string;
  readonly at: number;
  readonly type: string;
  readonly actorId: string | null;
  readonly userId: string | null;
  readonly sessionId: string | null;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** An event's place in the log. */
export interface AuditLink {
  /** From 1, without gaps. */
  readonly sequence: number;
  /** Of this event and the hash before it. */
  readonly hash: Uint8Array;
}

/** The end of the log, and where it begins since old events were taken out. */
export interface AuditHead extends AuditLink {
  readonly cutSequence: number;
  readonly cutHash: Uint8Array;
  /** Vouches for all of the above. */
  readonly seal: Uint8Array;
}

/** Where a call comes from. */
export interface Origin {
  readonly ip: string | null;
  readonly userAgent: string | null;
}
