import type { UserRecord } from '../../shared/records.ts';
import type { Runtime } from '../runtime.ts';
import type { Store } from '../store/store.ts';
import type { AccessTokens } from '../tokens/access-token.ts';
import type { RefreshTokens } from '../tokens/refresh-token.ts';

/** What the rules about sessions work with. */
export interface SessionParts {
  readonly store: Store;
  readonly accessTokens: AccessTokens;
  readonly refreshTokens: RefreshTokens;
  readonly runtime: Runtime;
  readonly sessionSettings: SessionSettings;
  /** The host's own claims for a user's access token. */
  readonly claimsOf: (user: UserRecord) => Promise<Readonly<Record<string, unknown>>>;
}

export interface SessionSettings {
  /** Milliseconds from sign-in to the end, whatever happens. */
  readonly ttlMs: number;
  /** Milliseconds without a refresh after which a session ends. */
  readonly idleTtlMs: number;
  /** Milliseconds in which a spent refresh token gets the same successor again. */
  readonly refreshGraceMs: number;
  /** A further sign-in ends the oldest session of the user. */
  readonly maxPerUser: number;
}
