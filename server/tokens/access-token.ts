import { LRUCache } from 'lru-cache';
import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { Runtime } from '../runtime.ts';
import type { KeyRing, RingKey } from './key-ring.ts';
import type { Signature } from './signature.ts';

/** Longer tokens are refused before anything looks at them. Node's whole header limit is 16 KiB. */
const maxTokenLength = 8_192;
/** Three segments of base64url without padding (RFC 7515 §3.1), and nothing else. */
const compactForm = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
/** How far ahead of this machine's clock a token may have been issued, in seconds. */
const clockToleranceSeconds = 5;
/** Bounds of a token's lifetime; none lives longer than the upper one, whatever it says. */
export const minAccessTtlSeconds = 1;
export const maxAccessTtlSeconds = 86_400;

/** A thousand bytes each at most of times. */
const verifiedTokensKept = 10_000;

/** What a token says by itself. */
const ownClaims = ['iss', 'aud', 'sub', 'sid', 'jti', 'iat', 'exp', 'nbf', 'role', 'ver'] as const;
/** Names that are not free, because they are ours or have a meaning in RFC 9068, 8693 or 7800. */
export const reservedClaims = [
  ...ownClaims,
  ...(['auth_time', 'acr', 'amr', 'client_id', 'scope', 'act', 'cnf'] as const),
] as const;
export type ReservedClaim = (typeof reservedClaims)[number];

/** What a verified access token says. */
export interface AccessClaims {
  readonly userId: string;
  readonly sessionId: string;
  readonly role: string;
  /** The user's authorization version when the token was issued. */
  readonly version: number;
  /** The host's own claims. */
  readonly custom: Readonly<Record<string, unknown>>;
}

export interface AccessTokens {
  /** Seconds that a new token lives. */
  readonly ttlSeconds: number;
  /** @param notAfter milliseconds since the epoch past which the token must not live */
  issue(claims: AccessClaims, notAfter: number): Promise<{ token: string; expiresIn: number }>;
  /** @throws LatchkeyError `token_invalid`, `token_expired` */
  verify(token: string): Promise<AccessClaims>;
  /** What `verify` would say of a token that it has verified before; `undefined` where that has to be asked. */
  recall(token: string): AccessClaims | undefined;
  /** The session that a genuine token names, even if it has expired; else `null`. */
  findSessionId(token: string): Promise<string | null>;
}

export interface AccessTokenOptions {
  readonly keyRing: KeyRing;
  readonly issuer: string;
  readonly audience: string;
  readonly ttlSeconds: number;
  readonly runtime: Runtime;
}

/**
 * JWT access tokens as RFC 9068 has them, signed and verified by RFC 8725's rules.
 */
export function createAccessTokens(options: AccessTokenOptions): AccessTokens {
  const { keyRing, issuer, audience, ttlSeconds, runtime } = options;

  /** By the full text of the token. Says nothing of the session, nor of the time. */
  const verified = new LRUCache<string, VerifiedToken>({ max: verifiedTokensKept });

  /** What a token of ours says, whenever it was issued and whether or not it has expired. */
  async function read(token: string): Promise<TimedClaims> {
    if (token.length > maxTokenLength) throw invalid();
    // Whatever else a header could say (another algorithm, type, key, `crit`, `jku`…)
    // is not the one that our key writes, so no header is ever interpreted.
    const key = await keyRing.keyOfHeader(token.slice(0, Math.max(0, token.indexOf('.'))));
    if (!key) throw invalid();
    const known = verified.get(token);
    if (known?.key === key) return known.claims;
    const claims = check(readClaims(token, key));
    verified.set(token, { key, claims });
    return claims;
  }

  function check(claims: Record<string, unknown>): TimedClaims {
    const { iss, aud, sub, sid, jti, iat, exp, role, ver } = claims;
    if (iss !== issuer || aud !== audience) throw invalid();
    if (typeof sub !== 'string' || typeof sid !== 'string') throw invalid();
    if (typeof jti !== 'string' || typeof role !== 'string') throw invalid();
    if (!isInteger(ver) || !isInteger(iat) || !isInteger(exp)) throw invalid();
    if (exp <= iat || exp - iat > maxAccessTtlSeconds || 'nbf' in claims) throw invalid();
    const custom = Object.fromEntries(
      Object.entries(claims).filter(([name]) => !ownClaims.some((own) => own === name)),
    );
    const own: AccessClaims = { userId: sub, sessionId: sid, role, version: ver, custom };
    return { own, issuedAt: iat, expiresAt: exp };
  }

  async function readIssued(token: string): Promise<TimedClaims> {
    const claims = await read(token);
    if (!isIssued(claims)) throw invalid();
    return claims;
  }

  function isIssued({ issuedAt }: TimedClaims): boolean {
    return issuedAt <= runtime.now() / 1_000 + clockToleranceSeconds;
  }

  /** "On or after" the expiry it must not be accepted (RFC 7519 §4.1.4). */
  function isExpired({ expiresAt }: TimedClaims): boolean {
    return runtime.now() >= expiresAt * 1_000;
  }

  return {
    ttlSeconds,

    async issue({ userId, sessionId, role, version, custom }, notAfter) {
      const key = await keyRing.activeKey();
      const issuedAt = Math.floor(runtime.now() / 1_000);
      const expiresIn = Math.max(1, Math.min(ttlSeconds, Math.floor(notAfter / 1_000) - issuedAt));
      const claims = {
        ...custom,
        iss: issuer,
        aud: audience,
        sub: userId,
        sid: sessionId,
        jti: runtime.randomBytes(16).toString('base64url'),
        iat: issuedAt,
        exp: issuedAt + expiresIn,
        role,
        ver: version,
      };
      const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');
      const input = `${key.protectedHeader}.${payload}`;
      return { token: `${input}.${key.signature.sign(input).toString('base64url')}`, expiresIn };
    },

    async verify(token) {
      const claims = await readIssued(token);
      if (isExpired(claims)) throw new LatchkeyError('token_expired');
      return claims.own;
    },

    recall(token) {
      const known = verified.get(token);
      if (!known || !keyRing.holds(known.key)) return undefined;
      const isValid = isIssued(known.claims) && !isExpired(known.claims);
      return isValid ? known.claims.own : undefined;
    },

    async findSessionId(token) {
      try {
        return (await readIssued(token)).own.sessionId;
      } catch (error) {
        if (error instanceof LatchkeyError && error.reason === 'token_invalid') return null;
        throw error;
      }
    },
  };
}

/** Claims with the times that are checked at every call; seconds since the epoch. */
interface TimedClaims {
  readonly own: AccessClaims;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

interface VerifiedToken {
  /** Once the ring has another key for the header, or none, the token is looked at anew. */
  readonly key: RingKey;
  readonly claims: TimedClaims;
}

/**
 * The claims under a signature that fits.
 *
 * @throws LatchkeyError `token_invalid`
 */
function readClaims(token: string, { signature }: RingKey): Record<string, unknown> {
  const payload = openCompact(token, signature);
  const claims = payload && parseJson(payload.toString());
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) throw invalid();
  return claims as Record<string, unknown>;
}

/** What stands under a signature that fits, or `null`. The header is not looked at. */
export function openCompact(token: string, signature: Signature): Buffer | null {
  if (!compactForm.test(token)) return null;
  const end = token.lastIndexOf('.');
  const payload = token.slice(token.indexOf('.') + 1, end);
  const tag = token.slice(end + 1);
  if (!isCanonical(payload) || !isCanonical(tag)) return null;
  if (!signature.verify(token.slice(0, end), Buffer.from(tag, 'base64url'))) return null;
  return Buffer.from(payload, 'base64url');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // Our key signs nothing but objects; the caller refuses.
  }
}

function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function invalid(): LatchkeyError {
  return new LatchkeyError('token_invalid');
}

/** base64url has several spellings for the same bytes; only the one that encoders write is a token. */
function isCanonical(segment: string): boolean {
  return Buffer.from(segment, 'base64url').toString('base64url') === segment;
}
