import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import type { Runtime } from '../runtime.ts';
import type { Sealer } from './seal.ts';

/**
 * A refresh token is base64url(version ‖ session id ‖ counter ‖ tag): 54 bytes, so
 * 72 characters with none left over and one spelling for each token. The tag is an
 * HMAC-SHA-256 under a random key of the session, kept sealed beside the session.
 * Neither a token nor a digest of one is stored anywhere.
 */
const version = 1;
const idStart = 1;
const counterStart = 17;
const counterBytes = 5;
const tagStart = counterStart + counterBytes;
const tokenPattern = /^[A-Za-z0-9_-]{72}$/;
const tokenKeyBytes = 32;

/** What a presented token says of itself. Nothing in it is to be believed before `isGenuine`. */
export interface PresentedRefreshToken {
  readonly sessionId: string;
  readonly counter: number;
  readonly bytes: Buffer;
}

interface TokenSession {
  readonly id: string;
  readonly counter: number;
  readonly sealedTokenKey: Uint8Array;
}

export interface RefreshTokens {
  /** A new random token key for a session, sealed for the store. */
  createTokenKey(sessionId: string): Uint8Array;
  /** The one refresh token that fits the session's key and counter. */
  issue(session: TokenSession): string;
  /** Takes a token apart, or answers `null` where it is not of our form. */
  parse(token: string): PresentedRefreshToken | null;
  /** Whether this session's key made the tag; compared in constant time. */
  isGenuine(token: PresentedRefreshToken, session: TokenSession): boolean;
}

export function createRefreshTokens(sealer: Sealer, runtime: Runtime): RefreshTokens {
  const purposeOf = (sessionId: string) => `refresh token key of ${sessionId}`;

  function openTokenKey(session: TokenSession): Uint8Array {
    const key = sealer.open(session.sealedTokenKey, purposeOf(session.id));
    if (!key) throw new Error('The key of a session was sealed with another LATCHKEY_SECRET.');
    return key;
  }

  return {
    createTokenKey: (sessionId) =>
      sealer.seal(runtime.randomBytes(tokenKeyBytes), purposeOf(sessionId)),

    issue(session) {
      const head = encodeHead(session);
      return Buffer.concat([head, tagOf(head, openTokenKey(session))]).toString('base64url');
    },

    parse(token) {
      if (!tokenPattern.test(token)) return null;
      const bytes = Buffer.from(token, 'base64url');
      if (bytes[0] !== version) return null;
      return {
        sessionId: formatUuid(bytes.subarray(idStart, counterStart)),
        counter: bytes.readUIntBE(counterStart, counterBytes),
        bytes,
      };
    },

    isGenuine({ bytes, sessionId }, session) {
      if (sessionId !== session.id) return false;
      const tag = tagOf(bytes.subarray(0, tagStart), openTokenKey(session));
      return timingSafeEqual(tag, bytes.subarray(tagStart));
    },
  };
}

function encodeHead(session: TokenSession): Buffer {
  const head = Buffer.alloc(tagStart);
  head[0] = version;
  head.write(session.id.replaceAll('-', ''), idStart, 'hex');
  head.writeUIntBE(session.counter, counterStart, counterBytes);
  return head;
}

function tagOf(head: Uint8Array, key: Uint8Array): Buffer {
  // Given bytes, Node finds out by two exceptions that they are no key object.
  return createHmac('sha256', createSecretKey(key))
    .update('latchkey refresh token')
    .update(head)
    .digest();
}

function formatUuid(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
}
