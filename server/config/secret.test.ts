import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { createRuntime } from '../runtime.ts';
import { ConfigurationError } from './configuration-error.ts';
import {
  assertSecret,
  createSecret,
  decodeSecret,
  deriveKey,
  loadSecret,
  secretPathOf,
} from './secret.ts';

const runtime = createRuntime();
const good = '5Zp8xw3oT0mJ4cQyq7Vh2nKfLrUeBdGaS1iWkMtNvXY';

function createFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-secret-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function load(databasePath: string, configured?: string, production = false) {
  return loadSecret({ configured, databasePath, production, runtime });
}

/** The one line with which a secret is refused. */
function problemOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems.join('\n');
    throw error;
  }
  throw new Error('Nothing was refused.');
}

const hexOf = (text: string) => Buffer.from(text).toString('hex');
const base64urlOf = (text: string) => Buffer.from(text).toString('base64url');

test('random bytes are a secret, in either spelling', () => {
  for (let round = 0; round < 1_000; round += 1) {
    const bytes = createHash('sha512')
      .update(`${round}`)
      .digest()
      .subarray(0, 32 + (round % 33));
    expect(decodeSecret(bytes.toString('hex'))).toEqual(new Uint8Array(bytes));
    expect(decodeSecret(bytes.toString('hex').toUpperCase())).toEqual(new Uint8Array(bytes));
    const base64url = bytes.toString('base64url');
    expect(decodeSecret(base64url)).toEqual(new Uint8Array(bytes));
    const padded = base64url.padEnd(Math.ceil(base64url.length / 4) * 4, '=');
    expect(decodeSecret(padded)).toEqual(new Uint8Array(bytes));
  }
});

test('a secret that we make is one', () => {
  expect(decodeSecret(createSecret(runtime))).toHaveLength(32);
});

test.each([
  ['nothing', ''],
  ['one character', 'x'],
  ['31 bytes', runtime.randomBytes(31).toString('base64url')],
  ['31 bytes of hex', runtime.randomBytes(31).toString('hex')],
  ['padding before its end', `${runtime.randomBytes(32).toString('base64url')}=A`],
  ['more padding than there is', `${runtime.randomBytes(32).toString('base64url')}===`],
  ['a space', ` ${good}`],
  ['a line end', `${good}\n`],
  ['other characters', `${good}é`],
  ['zeros', '00'.repeat(32)],
  ['one byte again and again', 'ab'.repeat(32)],
  ['one character again and again', 'A'.repeat(43)],
  ['eight bytes again and again', '0123456789abcdef'.repeat(4)],
  ['sixteen bytes twice', '3f9ad2c47be81605f2c9a8b7d6e54310'.repeat(2)],
  ['sixteen bytes twice, of base64url', 'q7Vh2nKfLrUeBdGaS1iW'.repeat(3)],
  [
    'bytes that count up',
    Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString('hex'),
  ],
  [
    'bytes that count down',
    Buffer.from(Array.from({ length: 32 }, (_, index) => 255 - index)).toString('hex'),
  ],
  [
    'bytes that count in steps',
    Buffer.from(Array.from({ length: 32 }, (_, index) => index * 7)).toString('hex'),
  ],
  ['the alphabet', 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'],
  ['a sentence in hex', hexOf('correct horse battery staple, and more of it')],
  ['a sentence in base64url', base64urlOf('Correct Horse Battery Staple 99 and more')],
  ['words with hyphens', 'correct-horse-battery-staple-paper-clip-lamp-99'],
  ['WORDS', 'CORRECT-HORSE-BATTERY-STAPLE-PAPER-CLIP-LAMP-99'],
  ['a placeholder', 'ChangeMe-ChangeMe-a8Xk29fLq0ZpW7vR3tYbN5mJ'],
  ['a placeholder with its name', 'my_Super_Secret_Key_That_Is_Long_Enough_4_U'],
])('%s is no secret', (_, text) => {
  const problem = problemOf(() => decodeSecret(text));
  expect(problem).toMatch(/^LATCHKEY_SECRET: [^\n]+ Wanted: at least 32 random bytes[^\n]+$/);
  if (text.length > 8) expect(problem).not.toContain(text.trim());
});

test('whatever else is configured is refused without being repeated', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 100 }), (text) => {
      const problem = problemOf(() => decodeSecret(text));
      expect(text.length > 20 && problem.includes(text)).toBe(false);
    }),
  );
});

test('in production the secret is required', () => {
  expect(problemOf(() => assertSecret(undefined, true))).toMatch('LATCHKEY_SECRET: not set');
  expect(problemOf(() => load(':memory:', undefined, true))).toMatch('LATCHKEY_SECRET: not set');
  expect(() => assertSecret(undefined, false)).not.toThrow();
  expect(() => assertSecret(good, true)).not.toThrow();
});

test('keys for different purposes are different, and always the same', () => {
  const secret = decodeSecret(good);
  expect(deriveKey(secret, 'seal')).toHaveLength(32);
  expect(deriveKey(secret, 'seal')).toEqual(deriveKey(secret, 'seal'));
  expect(deriveKey(secret, 'seal')).not.toEqual(deriveKey(secret, 'pepper'));
  expect(deriveKey(secret, 'seal')).not.toEqual(secret);
});

test('a secret that nobody configured is made once, beside the database, for its owner alone', () => {
  const database = join(createFolder(), 'new', 'a.db');
  const first = load(database);
  expect(first.createdPath).toBe(secretPathOf(database));
  expect(statSync(secretPathOf(database)).mode & 0o777).toBe(0o600);
  expect(load(database)).toEqual({ secret: first.secret, createdPath: null });
  expect(readdirSync(join(database, '..'))).toEqual(['a.db.secret']);
});

test('a configured secret comes before the one that was kept, which stays', () => {
  const database = join(createFolder(), 'a.db');
  load(database);
  const kept = readFileSync(secretPathOf(database));
  expect(load(database, good).secret).toEqual(decodeSecret(good));
  expect(readFileSync(secretPathOf(database))).toEqual(kept);
});

test('a database in memory has a secret that nobody keeps', () => {
  const { secret, createdPath } = load(':memory:');
  expect(createdPath).toBeNull();
  expect(load(':memory:').secret).not.toEqual(secret);
});

test.each(['', 'short', `${good}\nmore`, '00'.repeat(32)])(
  'a kept secret that holds %j is refused and not written over',
  (text) => {
    const database = join(createFolder(), 'a.db');
    writeFileSync(secretPathOf(database), text);
    expect(problemOf(() => load(database))).toMatch(/^LATCHKEY_SECRET: /);
    expect(readFileSync(secretPathOf(database), 'utf8')).toBe(text);
  },
);

test('a kept secret may end in a line end', () => {
  const database = join(createFolder(), 'a.db');
  writeFileSync(secretPathOf(database), `${good}\r\n`);
  expect(load(database).secret).toEqual(decodeSecret(good));
});

test('where it cannot be kept or read, one line says so', () => {
  const folder = createFolder();
  mkdirSync(join(folder, 'a.db.secret'));
  expect(problemOf(() => load(join(folder, 'a.db')))).toMatch(/^DATABASE_URL: .*cannot be read/);
  writeFileSync(join(folder, 'file'), '');
  expect(problemOf(() => load(join(folder, 'file', 'a.db')))).toMatch(/^DATABASE_URL: /);
});
