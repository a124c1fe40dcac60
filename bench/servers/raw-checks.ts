import { generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto';
import { reportReady } from './child.ts';

// Ed25519 alone: a signature over something as long as a token of Latchkey, checked by node:crypto.
const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const signed = Array.from({ length: 256 }, () => {
  const token = Buffer.from(randomBytes(240).toString('base64url'));
  return { token, signature: sign(null, token, privateKey) };
});

reportReady(null, (operations) => {
  for (let done = 0; done < operations; done += 1) {
    const one = signed[done % signed.length];
    if (!one || !verify(null, one.token, publicKey, one.signature)) {
      throw new Error('A signature was refused.');
    }
  }
});
