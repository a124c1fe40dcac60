import { generateKeyPairSync, createHmac, sign, type KeyObject } from 'node:crypto';
import type { KeyRing } from '../tokens/key-ring.ts';

/** Makes tokens that must not be accepted, each from a good one. */
export interface TokenForger {
  /** Signed by our own key, with other claims or another header: the caller says what is wrong with it. */
  resign(
    token: string,
    change: { claims?: Record<string, unknown>; header?: Record<string, unknown> },
  ): Promise<string>;
  /** The same claims, signed by a key that is not ours. */
  signedByStranger(token: string, claims?: Record<string, unknown>): string;
  /** `alg: none`, without a signature. */
  unsigned(token: string, claims?: Record<string, unknown>): string;
  /** HS256 under our public key, as a verifier that mixes algorithms up would accept. */
  confused(token: string): Promise<string>;
  /** The signature of the good token under other claims. */
  tampered(token: string, claims: Record<string, unknown>): string;
}

export function createForger(keyRing: KeyRing): TokenForger {
  return {
    async resign(token, { claims = {}, header = {} }) {
      const { signature } = await keyRing.activeKey();
      const input = signingInput(
        { ...headerOf(token), ...header },
        { ...claimsOf(token), ...claims },
      );
      return `${input}.${signature.sign(input).toString('base64url')}`;
    },
    signedByStranger(token, claims = {}) {
      const { privateKey }: { privateKey: KeyObject } = generateKeyPairSync('ed25519');
      const input = signingInput(
        { ...headerOf(token), alg: 'EdDSA' },
        { ...claimsOf(token), ...claims },
      );
      return `${input}.${sign(null, Buffer.from(input), privateKey).toString('base64url')}`;
    },
    unsigned: (token, claims = {}) =>
      `${signingInput({ ...headerOf(token), alg: 'none' }, { ...claimsOf(token), ...claims })}.`,
    async confused(token) {
      const { publicJwk } = await keyRing.activeKey();
      const input = signingInput({ ...headerOf(token), alg: 'HS256' }, claimsOf(token));
      const tag = createHmac('sha256', JSON.stringify(publicJwk)).update(input).digest('base64url');
      return `${input}.${tag}`;
    },
    tampered(token, claims) {
      const [header = '', , signature = ''] = token.split('.');
      return [header, encode({ ...claimsOf(token), ...claims }), signature].join('.');
    },
  };
}

function signingInput(header: object, claims: object): string {
  return `${encode(header)}.${encode(claims)}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function headerOf(token: string): Record<string, unknown> {
  return decode(token.split('.')[0]);
}

function claimsOf(token: string): Record<string, unknown> {
  return decode(token.split('.')[1]);
}

function decode(segment = ''): Record<string, unknown> {
  // A token of ours has objects in its first two segments.
  return JSON.parse(Buffer.from(segment, 'base64url').toString()) as Record<string, unknown>;
}
