import { createCipheriv, createDecipheriv, createSecretKey } from 'node:crypto';
import type { Runtime } from '../runtime.ts';

const version = 1;
const nonceBytes = 12;
const tagBytes = 16;

/** Encrypts what is kept in the store, so that a copy of the store alone gives no key away. */
export interface Sealer {
  /** @param purpose what the bytes are for and whose; opening them for anything else fails */
  seal(plain: Uint8Array, purpose: string): Uint8Array;
  /** The plain bytes, or `null` when another secret sealed them or they were changed. */
  open(sealed: Uint8Array, purpose: string): Uint8Array | null;
}

/**
 * AES-256-GCM (NIST SP 800-38D) with a random nonce; the purpose is authenticated with it.
 *
 * @param key 32 bytes
 */
export function createSealer(key: Uint8Array, runtime: Runtime): Sealer {
  const secretKey = createSecretKey(key);
  return {
    seal(plain, purpose) {
      const nonce = runtime.randomBytes(nonceBytes);
      const cipher = createCipheriv('aes-256-gcm', secretKey, nonce).setAAD(Buffer.from(purpose));
      const body = Buffer.concat([cipher.update(plain), cipher.final()]);
      return Buffer.concat([Buffer.of(version), nonce, cipher.getAuthTag(), body]);
    },
    open(sealed, purpose) {
      const bytes = Buffer.from(sealed);
      const bodyStart = 1 + nonceBytes + tagBytes;
      if (bytes.length < bodyStart || bytes[0] !== version) return null;
      const decipher = createDecipheriv(
        'aes-256-gcm',
        secretKey,
        bytes.subarray(1, 1 + nonceBytes),
        {
          authTagLength: tagBytes,
        },
      )
        .setAAD(Buffer.from(purpose))
        .setAuthTag(bytes.subarray(1 + nonceBytes, bodyStart));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(bodyStart)), decipher.final()]);
      } catch {
        return null; // The tag does not fit: sealed by another secret, for another purpose, or changed.
      }
    },
  };
}
