import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LatchkeyError } from '../../shared/latchkey-error.ts';
import { createTestLatchkey } from '../testing/create-test-latchkey.ts';
import { createPasswordPolicy } from './password-policy.ts';

const policy = createPasswordPolicy(12);
const own = ['sofya.kovalevskaya@hogskolan.example', 'algebraist', 'Sofya Kovalevskaya'];

/** The rule that a password breaks, or `null`. */
function brokenRule(
  password: string,
  ownWords: readonly (string | null | undefined)[] = [],
  by = policy,
) {
  try {
    by.assertStrong(password, ownWords);
    return null;
  } catch (error) {
    if (error instanceof LatchkeyError && error.reason === 'weak_password') return error.detail;
    throw error;
  }
}

test.each([
  'correct horse battery',
  'xkjh-29fs-qpwz',
  '7391846205513x',
  '7391846205513 love',
  '4821-9937-2204-0164',
  'xkjh-29fs-qpwz-9'.repeat(16),
  // Five different characters.
  'abcdeabcdeab',
  // A common word, and eight characters that are not common by themselves.
  'password4821-993',
  '     a b c d e f g',
  'пароль из трёх слов',
  '密碼不要太容易被猜到才行',
  'รหัสผ่านที่ดีมาก',
  '🦊🐢🦉🐙🦋🐝🦔🐊🦈🐎🦜🐌',
])('%j is strong enough', (password) => {
  expect(brokenRule(password)).toBeNull();
});

test.each([
  ['too_short', ''],
  ['too_short', 'xkjh-29fs-q'],
  // Eleven characters, though twice as many code units.
  ['too_short', '🦊🐢🦉🐙🦋🐝🦔🐊🦈🐎🦜'],
  ['too_long', `${'xkjh-29fs-qpwz-9'.repeat(16)}x`],
  ['common', 'qwerty123456'],
  ['common', 'QWERTY123456'],
  ['common', '123456789012'],
  ['common', 'password2026!'],
  ['common', '!!Password!!'],
  ['common', '2026-iloveyou'],
  ['common', 'password12345678'],
  ['common', '00000000password'],
  ['common', 'pa55word2026!!'],
  ['common', 'abcdabcdabcd'],
  ['common', 'aaaaaaaaaaaa'],
  ['common', '121212121212'],
  ['common', 'AaAaAaBbBbBb'],
  ['common', '🦊🦊🦊🦊🦊🦊🦊🦊🦊🦊🦊🦊'],
])('%s: %j', (rule, password) => {
  expect(brokenRule(password)).toBe(rule);
});

test.each([
  'sofya.kovalevskaya@hogskolan.example',
  'kovalevskaya1850',
  'KOVALEVSKAYA-1850',
  'Algebraist1889',
  'hogskolan!!1',
  'kovalevskayakovalevskaya',
  'sofya kovalevskaya 99',
  'xkjh29fkovalevskaya',
  'kovalevskaya12345678',
  // What is left are four characters, though eight code units.
  'kovalevskaya🦊🐢🦉🐙',
])('%j is made of what anybody knows of the account', (password) => {
  expect(brokenRule(password, own)).toBe('personal');
});

test('a long word of the account is taken away before a shorter one within it', () => {
  expect(brokenRule('kovalevskaya1', ['Kova KOVALEVSKAYA'])).toBe('personal');
});

test('a word of the account may stand in a password that is long enough without it', () => {
  expect(brokenRule('kovalevskaya met weierstrass', own)).toBeNull();
});

test('a word of the account counts from four letters on, wherever it is written', () => {
  for (const words of ['Bose', 'S N Bose', 'sn@bose', 'bose.sn', 'sn_bose', 'sn-bose']) {
    expect(brokenRule('bose1924BOSEq', [words])).toBe('personal');
  }
  expect(brokenRule('bose1924boseqwz', ['Bose', 'bos'])).toBe('personal');
  expect(brokenRule('xkjh29fsbose', ['bose'])).toBeNull();
});

test.each([
  'zephyrium-1850',
  'ACME2026!acme',
  'acmezephyrium',
  '2026@rösti-Haus',
  'login.acme.example',
  // Neither word alone leaves too little.
  'algebraist-acmecorp',
])('%j is made of what anybody thinks of in this place', (password) => {
  const words = ['Acme', 'zephyrium', 'rösti haus', 'login.acme.example'];
  const placed = createPasswordPolicy(
    12,
    words.map((word) => word.normalize('NFD')),
  );
  expect(brokenRule(password)).toBeNull();
  expect(brokenRule(password, own, placed)).toBe('common');
  expect(brokenRule(`${password} and weierstrass`, own, placed)).toBeNull();
});

test('short words and missing ones are nobody’s', () => {
  expect(brokenRule('xkjhlee29flee', ['Ann Lee', 'lee'])).toBeNull();
  expect(brokenRule('correct horse battery', [null, undefined, '', '   '])).toBeNull();
});

test('the minimum is the configured one', () => {
  expect(() => createPasswordPolicy(8).assertStrong('xkjh-29f', [])).not.toThrow();
  expect(() => createPasswordPolicy(64).assertStrong('x'.repeat(63), [])).toThrow('weak_password');
});

test('the minimum may be 8 to 64, and is 12 if nothing is said', async () => {
  for (const minPasswordLength of [7, 65]) {
    await expect(createTestLatchkey({ minPasswordLength })).rejects.toThrow('8 to 64 characters');
  }
  for (const minPasswordLength of [8, 64]) {
    await using t = await createTestLatchkey({ minPasswordLength });
    expect(t.composition.settings).toMatchObject({ minPasswordLength });
  }
  await using t = await createTestLatchkey();
  expect(t.composition.settings).toMatchObject({ minPasswordLength: 12 });
});

test('sixteen random letters and digits are strong enough, whatever they are', () => {
  const characters = fc.string({
    unit: fc.constantFrom(
      ...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'.split(''),
    ),
    minLength: 16,
    maxLength: 16,
  });
  fc.assert(
    fc.property(characters, (password) => {
      fc.pre(new Set(password.toLowerCase()).size >= 5);
      expect(brokenRule(password, own)).toBeNull();
    }),
  );
});

test('every password is judged, and none is judged by its case', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), (password) => {
      const rule = brokenRule(password, own);
      expect([null, 'too_short', 'too_long', 'common', 'personal']).toContain(rule);
    }),
  );
  expect(brokenRule('PASSWORD2026!')).toBe(brokenRule('password2026!'));
});
