import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRuntime } from '../runtime.ts';
import { createRefreshTokens } from './refresh-token.ts';
import { createSealer } from './seal.ts';

const runtime = createRuntime();
const refreshTokens = createRefreshTokens(createSealer(runtime.randomBytes(32), runtime), runtime);

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const maxCounter = 2 ** 40 - 1;

function createSession(counter = 0) {
  const id = runtime.newId();
  return { id, counter, sealedTokenKey: refreshTokens.createTokenKey(id) };
}

/** Whether a token would be taken for the session's, at whichever counter. */
function isAccepted(token: string, session: ReturnType<typeof createSession>): boolean {
  const presented = refreshTokens.parse(token);
  return presented !== null && refreshTokens.isGenuine(presented, session);
}

test('an issued token names its session and counter and is genuine', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: maxCounter }), (counter) => {
      const session = createSession(counter);
      const presented = refreshTokens.parse(refreshTokens.issue(session));
      expect(presented).toMatchObject({ sessionId: session.id, counter });
      expect(presented && refreshTokens.isGenuine(presented, session)).toBe(true);
    }),
  );
});

test('a token is 72 characters, and the same for the same counter', () => {
  const session = createSession(1);
  expect(refreshTokens.issue(session)).toMatch(/^[A-Za-z0-9_-]{72}$/);
  expect(refreshTokens.issue(session)).toBe(refreshTokens.issue(session));
  expect(refreshTokens.issue({ ...session, counter: 2 })).not.toBe(refreshTokens.issue(session));
});

test('a spent token stays genuine: whether it is good is for the store to say', () => {
  const session = createSession(1);
  expect(isAccepted(refreshTokens.issue(session), { ...session, counter: 2 })).toBe(true);
});

test('changing any one character makes it a token of nobody', () => {
  const session = createSession(7);
  const token = refreshTokens.issue(session);
  for (let index = 0; index < token.length; index += 1) {
    for (const character of alphabet) {
      if (character === token[index]) continue;
      const changed = token.slice(0, index) + character + token.slice(index + 1);
      expect(isAccepted(changed, session)).toBe(false);
    }
  }
});

test('a token has one spelling and one length', () => {
  const session = createSession();
  const token = refreshTokens.issue(session);
  const others = [
    '',
    `${token}=`,
    `${token}A`,
    `${token}\n`,
    ` ${token}`,
    token.slice(1),
    token.slice(0, -1),
    token.slice(0, -1) + String.fromCharCode(0xff00 + token.charCodeAt(71)),
    Buffer.from(token, 'base64url').toString('hex'),
    `${token.slice(0, 36)}.${token.slice(36)}`,
    token + token,
  ];
  for (const other of others) expect(refreshTokens.parse(other)).toBeNull();
});

test('a token of another version is of no form that we know', () => {
  const [, ...rest] = Buffer.from(refreshTokens.issue(createSession()), 'base64url');
  for (const version of [0, 2, 255]) {
    expect(refreshTokens.parse(Buffer.of(version, ...rest).toString('base64url'))).toBeNull();
  }
});

test('whatever else arrives is taken apart without an error, and is genuine for no session', () => {
  const session = createSession();
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string({ unit: fc.constantFrom(...alphabet.split('')), minLength: 72, maxLength: 72 }),
      ),
      (token) => {
        expect(isAccepted(token, session)).toBe(false);
      },
    ),
  );
});

test('the token of one session is not that of another', () => {
  const session = createSession();
  const other = createSession();
  const token = refreshTokens.issue(session);
  expect(isAccepted(token, other)).toBe(false);
  expect(
    isAccepted(token, {
      ...other,
      id: session.id,
      sealedTokenKey: refreshTokens.createTokenKey(session.id),
    }),
  ).toBe(false);
});

test('a key that was sealed for another session, or under another secret, is an error', () => {
  const session = createSession();
  const { sealedTokenKey } = createSession();
  expect(() => refreshTokens.issue({ ...session, sealedTokenKey })).toThrow('LATCHKEY_SECRET');
  const strangers = createRefreshTokens(createSealer(runtime.randomBytes(32), runtime), runtime);
  expect(() => strangers.issue(session)).toThrow('LATCHKEY_SECRET');
});

test('a counter that does not fit is an error, not another counter', () => {
  expect(() => refreshTokens.issue(createSession(maxCounter + 1))).toThrow(RangeError);
});

test('a token is of the session that it names, even where two have one key', () => {
  const unsealed = { seal: (plain: Uint8Array) => plain, open: (sealed: Uint8Array) => sealed };
  const tokens = createRefreshTokens(unsealed, runtime);
  const sealedTokenKey = Buffer.alloc(32, 7);
  const [ada, bob] = ['ada', 'bob'].map(() => ({
    id: runtime.newId(),
    counter: 0,
    sealedTokenKey,
  }));
  const presented = tokens.parse(tokens.issue(ada!))!;
  expect(tokens.isGenuine(presented, ada!)).toBe(true);
  expect(tokens.isGenuine(presented, bob!)).toBe(false);
});

test('what an earlier release issued is issued again the same, and is genuine', () => {
  const kept = createRefreshTokens(createSealer(Buffer.alloc(32, 1), runtime), runtime);
  const key = 'AZAevXE-TXdhAIRDQ2JGpY-gr0Ca7AY-8QE2WH_tBAfMCoHN5bY5ZUIupwLOLsWBciirb0b8NDAkE4nF6g';
  const session = {
    id: '0197c1a5-3b6e-7c6a-8f00-6f5e4d3c2b1a',
    counter: 7,
    sealedTokenKey: Buffer.from(key, 'base64url'),
  };
  const token = 'AQGXwaU7bnxqjwBvXk08KxoAAAAAB7o0qlE3Jw4V0Psd-Wyta6c9F3A0yj3fkbzXulMDe0LX';
  expect(kept.issue(session)).toBe(token);
  expect(kept.isGenuine(kept.parse(token)!, session)).toBe(true);
});
