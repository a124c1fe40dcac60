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

/** Where a call comes from. */
export interface Origin {
  readonly ip: string | null;
  readonly userAgent: string | null;
}
