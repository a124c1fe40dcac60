import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRuntime } from '../runtime.ts';
import { createSealer } from './seal.ts';

const runtime = createRuntime();
const sealer = createSealer(runtime.randomBytes(32), runtime);
const plain = Buffer.from('a private key');

test('what was sealed for a purpose opens for it', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.string(), (bytes, purpose) => {
      expect(sealer.open(sealer.seal(bytes, purpose), purpose)).toEqual(Buffer.from(bytes));
    }),
  );
});

test('the plain bytes do not show, and sealing twice gives two results', () => {
  const sealed = Buffer.from(sealer.seal(plain, 'key'));
  expect(sealed.includes(plain)).toBe(false);
  expect(sealed.equals(sealer.seal(plain, 'key'))).toBe(false);
});

test('nothing opens for another purpose or under another secret', () => {
  const sealed = sealer.seal(plain, 'key of a');
  expect(sealer.open(sealed, 'key of b')).toBeNull();
  expect(createSealer(runtime.randomBytes(32), runtime).open(sealed, 'key of a')).toBeNull();
});

test('nothing opens with a single bit changed, cut off or added', () => {
  const sealed = sealer.seal(plain, 'key');
  for (let bit = 0; bit < sealed.length * 8; bit += 1) {
    const changed = Uint8Array.from(sealed);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    expect(sealer.open(changed, 'key')).toBeNull();
  }
  for (let length = 0; length < sealed.length; length += 1) {
    expect(sealer.open(sealed.subarray(0, length), 'key')).toBeNull();
  }
  expect(sealer.open(Buffer.concat([sealed, Buffer.of(0)]), 'key')).toBeNull();
});

test('what an earlier release sealed opens', () => {
  const sealed = 'AcK3K6OOPweLdASLc-_2kqO6hNHvS838NK4ooR7nJMHHekXJ--NgLxWg';
  const kept = createSealer(Buffer.alloc(32, 1), runtime);
  expect(kept.open(Buffer.from(sealed, 'base64url'), 'key')).toEqual(plain);
});
