import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  sign,
  timingSafeEqual,
  verify,
  type KeyObject,
} from 'node:crypto';
import type { JWK } from 'jose';
import type { SigningAlgorithm } from './key-ring.ts';

/**
 * Signs and verifies with one key (RFC 7515 §5, RFC 7518 §3, RFC 8037 §3.1).
 *
 * Both are synchronous on purpose. Node does asynchronous cryptography in the
 * threads in which bcrypt hashes, where a signed-in call would wait behind every
 * sign-in; here one signature takes a tenth of a millisecond.
 */
export interface Signature {
  sign(input: string): Buffer;
  verify(input: string, signature: Buffer): boolean;
}

export function createSignature(algorithm: SigningAlgorithm, privateJwk: JWK): Signature {
  if (algorithm === 'HS256') return createHmacSignature(privateJwk);
  // JWS wants r ‖ s of ECDSA and not ASN.1 (RFC 7518 §3.4). The other algorithms have one encoding,
  // and a key by itself is taken at once, where one in an object costs Node two exceptions.
  const withEncoding = (key: KeyObject) =>
    algorithm === 'ES256' ? ({ key, dsaEncoding: 'ieee-p1363' } as const) : key;
  const privateKey = createPrivateKey({ key: privateJwk, format: 'jwk' });
  const signingKey = withEncoding(privateKey);
  const verifyingKey = withEncoding(createPublicKey(privateKey));
  // Ed25519 hashes by itself.
  const digest = algorithm === 'EdDSA' ? null : 'sha256';
  return {
    sign: (input) => sign(digest, Buffer.from(input), signingKey),
    verify: (input, signature) => verify(digest, Buffer.from(input), verifyingKey, signature),
  };
}

function createHmacSignature(jwk: JWK): Signature {
  // Under an empty key anybody could sign.
  if (!jwk.k) throw new Error('A signing key has no secret.');
  const key = createSecretKey(jwk.k, 'base64url');
  const tagOf = (input: string) => createHmac('sha256', key).update(input).digest();
  return {
    sign: tagOf,
    verify: (input, signature) => {
      const tag = tagOf(input);
      return tag.length === signature.length && timingSafeEqual(tag, signature);
    },
  };
}
