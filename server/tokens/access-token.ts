import { compactVerify, CompactSign, errors } from 'jose';
import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { Runtime } from '../runtime.ts';
import type { KeyRing } from './key-ring.ts';

/** Longer tokens are refused before anything looks at them. Node's whole header limit is 16 KiB. */
const maxTokenLength = 8_192;
/** Three segments of base64url without padding (RFC 7515 §3.1), and nothing else. */
const compactForm = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
/** How far ahead of this machine's clock a token may have been issued, in seconds. */
const clockToleranceSeconds = 5;
/** Bounds of a token's lifetime; none lives longer than the upper one, whatever it says. */
export const minAccessTtlSeconds = 1;
export const maxAccessTtlSeconds = 86_400;

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

  async function verifySignature(token: string): Promise<Record<string, unknown>> {
    if (token.length > maxTokenLength || !compactForm.test(token)) throw invalid();
    const [header = '', payload = '', signature = ''] = token.split('.');
    // Whatever else a header could say (another algorithm, type, key, `crit`, `jku`…)
    // is not the one that our key writes, so no header is ever interpreted.
    const key = await keyRing.keyOfHeader(header);
    if (!key || !isCanonical(payload) || !isCanonical(signature)) throw invalid();
    try {
      const verified = await compactVerify(token, key.verificationKey, {
        algorithms: [key.algorithm],
      });
      const claims: unknown = JSON.parse(new TextDecoder().decode(verified.payload));
      if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) throw invalid();
      return claims as Record<string, unknown>;
    } catch (error) {
      if (error instanceof errors.JOSEError || error instanceof SyntaxError) throw invalid();
      throw error;
    }
  }

  function check(claims: Record<string, unknown>): AccessClaims & { expiresAt: number } {
    const { iss, aud, sub, sid, jti, iat, exp, role, ver } = claims;
    const nowSeconds = runtime.now() / 1_000;
    if (iss !== issuer || aud !== audience) throw invalid();
    if (typeof sub !== 'string' || typeof sid !== 'string') throw invalid();
    if (typeof jti !== 'string') throw invalid();
    if (typeof role !== 'string' || !Number.isSafeInteger(ver)) throw invalid();
    if (!Number.isSafeInteger(iat) || !Number.isSafeInteger(exp)) throw invalid();
    const [issuedAt, expiresAt] = [iat as number, exp as number]; // Integers, as the line above says.
    if (issuedAt > nowSeconds + clockToleranceSeconds) throw invalid();
    if (expiresAt <= issuedAt || expiresAt - issuedAt > maxAccessTtlSeconds) throw invalid();
    if ('nbf' in claims) throw invalid();
    const custom = Object.fromEntries(
      Object.entries(claims).filter(([name]) => !ownClaims.some((own) => own === name)),
    );
    return { userId: sub, sessionId: sid, role, version: ver as number, custom, expiresAt };
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
      const token = await new CompactSign(Buffer.from(JSON.stringify(claims)))
        .setProtectedHeader({ alg: key.algorithm, typ: 'at+jwt', kid: key.id })
        .sign(key.signingKey);
      return { token, expiresIn };
    },

    async verify(token) {
      const { expiresAt, ...claims } = check(await verifySignature(token));
      // "On or after" the expiry it must not be accepted (RFC 7519 §4.1.4).
      if (runtime.now() >= expiresAt * 1_000) throw new LatchkeyError('token_expired');
      return claims;
    },

    async findSessionId(token) {
      try {
        return check(await verifySignature(token)).sessionId;
      } catch (error) {
        if (error instanceof LatchkeyError && error.reason === 'token_invalid') return null;
        throw error;
      }
    },
  };
}

function invalid(): LatchkeyError {
  return new LatchkeyError('token_invalid');
}

/** base64url has several spellings for the same bytes; only the one that encoders write is a token. */
function isCanonical(segment: string): boolean {
  return Buffer.from(segment, 'base64url').toString('base64url') === segment;
}
