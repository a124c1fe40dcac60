import { CompactSign, compactVerify, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import { expect, test } from 'vitest';
import { signingAlgorithms, type SigningAlgorithm } from './key-ring.ts';
import { createSignature } from './signature.ts';

/** A key of ours, and the same one in the hands of jose. */
async function createKey(alg: SigningAlgorithm) {
  const pair = alg === 'HS256' ? null : await generateKeyPair(alg, { extractable: true });
  const secretJwk: JWK = { kty: 'oct', k: Buffer.alloc(32, 7).toString('base64url') };
  const privateJwk = pair ? await exportJWK(pair.privateKey) : secretJwk;
  const privateKey = await importJWK(privateJwk, alg);
  return {
    signature: createSignature(alg, privateJwk),
    input: [JSON.stringify({ alg }), 'a payload']
      .map((part) => Buffer.from(part).toString('base64url'))
      .join('.'),
    publicKey: pair?.publicKey ?? privateKey,
    signByJose: async () =>
      new CompactSign(Buffer.from('a payload')).setProtectedHeader({ alg }).sign(privateKey),
  };
}

test.each(signingAlgorithms)('%s: others verify what is signed here', async (alg) => {
  const { signature, input, publicKey } = await createKey(alg);
  const token = `${input}.${signature.sign(input).toString('base64url')}`;
  const { payload } = await compactVerify(token, publicKey, { algorithms: [alg] });
  expect(Buffer.from(payload).toString()).toBe('a payload');
});

test.each(signingAlgorithms)('%s: what others sign is verified here', async (alg) => {
  const { signature, input, signByJose } = await createKey(alg);
  const tag = Buffer.from((await signByJose()).split('.')[2]!, 'base64url');
  expect(signature.verify(input, tag)).toBe(true);
  expect(signature.verify(`${input}A`, tag)).toBe(false);
});

test.each(signingAlgorithms)('%s: a signature of another length is none', async (alg) => {
  const { signature, input } = await createKey(alg);
  const tag = signature.sign(input);
  for (const other of [Buffer.of(), tag.subarray(1), Buffer.concat([tag, Buffer.of(0)])]) {
    expect(signature.verify(input, other)).toBe(false);
  }
});

test.each([{ kty: 'oct' }, { kty: 'oct', k: '' }])('HS256: %j signs nothing', (jwk) => {
  expect(() => createSignature('HS256', jwk)).toThrow('no secret');
});
