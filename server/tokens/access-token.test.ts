import { expect, test } from 'vitest';
import { LatchkeyError } from '../../shared/latchkey-error.ts';
import { createTestLatchkey } from '../testing/create-test-latchkey.ts';
import {
  createAccessTokens,
  openCompact,
  type AccessClaims,
  type AccessTokenOptions,
} from './access-token.ts';
import { signingAlgorithms } from './key-ring.ts';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const claims: AccessClaims = {
  userId: '0197c1a5-3b6e-7c6a-8f00-1a2b3c4d5e6f',
  sessionId: '0197c1a5-3b6e-7c6a-8f00-6f5e4d3c2b1a',
  role: 'user',
  version: 3,
  custom: { tenant: 'acme', seats: [1, 2] },
};

/** A Latchkey, its access tokens, and one that is good for as long as its clock stands. */
async function createSetup(options: Parameters<typeof createTestLatchkey>[0] = {}) {
  const t = await createTestLatchkey(options);
  const { keyRing, runtime, settings, accounts } = t.composition;
  const { accessTokens } = accounts;
  const farAhead = t.clock.now() + 86_400_000;
  const { token } = await accessTokens.issue(claims, farAhead);
  return {
    ...t,
    accessTokens,
    farAhead,
    token,
    /** The same keys, with something else configured. */
    configured: (other: Partial<AccessTokenOptions>) =>
      createAccessTokens({
        keyRing,
        runtime,
        issuer: settings.url,
        audience: settings.audience,
        ttlSeconds: settings.accessTtlSeconds,
        ...other,
      }),
    /** Any text under our own key and header. */
    async sign(payload: string | Uint8Array): Promise<string> {
      const { protectedHeader, signature } = await keyRing.activeKey();
      const input = `${protectedHeader}.${Buffer.from(payload).toString('base64url')}`;
      return `${input}.${signature.sign(input).toString('base64url')}`;
    },
    /** The reason for which a token is refused, or `null`. */
    async reasonFor(token: string): Promise<string | null> {
      try {
        await accessTokens.verify(token);
        return null;
      } catch (error) {
        if (error instanceof LatchkeyError) return error.reason;
        throw error;
      }
    },
  };
}

test.each(signingAlgorithms)('%s: what was issued is what is verified', async (algorithm) => {
  await using t = await createSetup({ signingAlgorithm: algorithm });
  expect(await t.accessTokens.verify(t.token)).toEqual(claims);
});

test.each(['EdDSA', 'ES256', 'HS256'] as const)(
  '%s: no character can be another one',
  async (algorithm) => {
    await using t = await createSetup({ signingAlgorithm: algorithm });
    const ends = new Set(
      t.token.split('.').map((_, index, all) => all.slice(0, index + 1).join('.').length - 1),
    );
    for (let index = 0; index < t.token.length; index += 1) {
      const original = t.token[index]!;
      // The last character of a segment has bits that some decoders do not look at.
      const others = ends.has(index)
        ? alphabet.split('')
        : [alphabet[alphabet.indexOf(original) ^ 1] ?? 'A', '.', '='];
      for (const other of others) {
        if (other === original) continue;
        const changed = t.token.slice(0, index) + other + t.token.slice(index + 1);
        expect(await t.reasonFor(changed)).toBe('token_invalid');
      }
    }
  },
);

test('a token says who, what and until when, and nothing about the person', async () => {
  await using t = await createSetup({ url: 'https://auth.example.com', audience: 'api' });
  const [header = '', payload = ''] = t.token.split('.');
  const { id } = await t.composition.keyRing.activeKey();
  expect(decode(header)).toEqual({ alg: 'EdDSA', typ: 'at+jwt', kid: id });
  const issuedAt = Math.floor(t.clock.now() / 1_000);
  expect(decode(payload)).toEqual({
    iss: 'https://auth.example.com',
    aud: 'api',
    sub: claims.userId,
    sid: claims.sessionId,
    jti: expect.stringMatching(/^[A-Za-z0-9_-]{22}$/) as unknown,
    iat: issuedAt,
    exp: issuedAt + 900,
    role: 'user',
    ver: 3,
    tenant: 'acme',
    seats: [1, 2],
  });
});

test('two tokens of one moment are two tokens', async () => {
  await using t = await createSetup();
  const other = await t.accessTokens.issue(claims, t.farAhead);
  expect(other.token).not.toBe(t.token);
});

test('a claim of the application never stands in for one of ours', async () => {
  await using t = await createSetup();
  const custom = { sub: 'x', sid: 'x', role: 'admin', ver: 99, exp: 9e9, iss: 'x', aud: 'x' };
  const { token } = await t.accessTokens.issue({ ...claims, custom }, t.farAhead);
  expect(await t.accessTokens.verify(token)).toEqual({ ...claims, custom: {} });
});

test.each([
  ['padding', (token: string) => `${token}=`],
  ['padding of the payload', (token: string) => token.replace(/\.([^.]+)\./, '.$1=.')],
  ['a line end', (token: string) => `${token}\n`],
  ['a space before', (token: string) => ` ${token}`],
  ['a space within', (token: string) => token.replace('.', '. ')],
  ['a line break within', (token: string) => `${token.slice(0, 30)}\r\n${token.slice(30)}`],
  ['the other base64 alphabet', (token: string) => token.replaceAll('-', '+').replaceAll('_', '/')],
  ['another segment', (token: string) => `${token}.`],
  ['five segments', (token: string) => `${token}.AA.AA`],
  ['a missing segment', (token: string) => token.slice(0, token.lastIndexOf('.'))],
  ['an empty signature', (token: string) => token.slice(0, token.lastIndexOf('.') + 1)],
  ['the scheme in front', (token: string) => `Bearer ${token}`],
  ['quotes', (token: string) => `"${token}"`],
  ['percent-encoding', (token: string) => token.replaceAll('.', '%2E')],
  [
    'JSON serialisation',
    (token: string) => {
      const [header, payload, signature] = token.split('.');
      return JSON.stringify({ protected: header, payload, signature });
    },
  ],
  ['a second signature', (token: string) => token + token.slice(token.lastIndexOf('.') + 1)],
  ['five megabytes', (token: string) => token.replace('.', `.${'A'.repeat(5e6)}`)],
  ['nothing', () => ''],
  ['two dots', () => '..'],
])('a token is not spelled with %s', async (_, respell) => {
  await using t = await createSetup();
  // A signature with a character in which the two alphabets differ.
  let token = t.token;
  while (!/[-_]/.test(token)) ({ token } = await t.accessTokens.issue(claims, t.farAhead));
  expect(await t.reasonFor(respell(token))).toBe('token_invalid');
});

test.each([
  { iss: undefined },
  { iss: 'http://localhost:4001' },
  { iss: ['http://localhost:4000'] },
  { aud: undefined },
  { aud: 'another' },
  { aud: ['http://localhost:4000'] },
  { sub: undefined },
  { sub: 1 },
  { sub: null },
  { sid: undefined },
  { sid: {} },
  { jti: undefined },
  { jti: 7 },
  { role: undefined },
  { role: ['admin'] },
  { ver: undefined },
  { ver: '3' },
  { ver: 3.5 },
  { iat: undefined },
  { iat: '1' },
  { iat: null },
  { exp: undefined },
  { exp: '9999999999' },
  { exp: null },
  { exp: true },
  { nbf: 0 },
])('claims with %j are refused, although we signed them', async (changed) => {
  await using t = await createSetup();
  const token = await t.forge.resign(t.token, { claims: changed });
  expect(await t.reasonFor(token)).toBe('token_invalid');
});

test.each([
  ['issued six seconds from now', 6, 900],
  ['that expire when they were issued', 0, 0],
  ['that expire before they were issued', 0, -1],
  ['that live longer than a day', 0, 86_401],
  ['that live for ever', 0, Number.MAX_SAFE_INTEGER],
  ['issued between two seconds', 0.5, 900],
  ['that expire between two seconds', 0, 899.5],
])('claims %s are refused', async (_, issuedIn, lifetime) => {
  await using t = await createSetup();
  const iat = Math.floor(t.clock.now() / 1_000) + issuedIn;
  const token = await t.forge.resign(t.token, { claims: { iat, exp: iat + lifetime } });
  expect(await t.reasonFor(token)).toBe('token_invalid');
});

test.each([
  '',
  'null',
  '[]',
  '"text"',
  '7',
  '{',
  '{"exp":1e400}',
  new Uint8Array([0x7b, 0xff, 0x7d]),
])('a payload of %j is refused, although we signed it', async (payload) => {
  await using t = await createSetup();
  expect(await t.reasonFor(await t.sign(payload))).toBe('token_invalid');
});

test.each([
  { typ: undefined },
  { typ: 'JWT' },
  { typ: 'AT+JWT' },
  { typ: 'application/at+jwt' },
  { kid: undefined },
  { kid: 'AAAAAAAAAAAAAAAA' },
  { cty: 'JWT' },
  { jku: 'https://evil.example/jwks.json' },
  { jwk: { kty: 'OKP' } },
  { x5c: [] },
])('a header with %j is refused, although we signed it', async (header) => {
  await using t = await createSetup();
  expect(await t.reasonFor(await t.forge.resign(t.token, { header }))).toBe('token_invalid');
});

test('a token that would not fit into a header is refused, although we signed it', async () => {
  await using t = await createSetup();
  const padded = (length: number) =>
    t.forge.resign(t.token, { claims: { pad: 'x'.repeat(length) } });
  const longest = await padded(5_745);
  expect(longest).toHaveLength(8_192);
  expect(await t.reasonFor(longest)).toBeNull();
  const longer = await padded(5_746);
  expect(longer).toHaveLength(8_193);
  expect(await t.reasonFor(longer)).toBe('token_invalid');
});

test('a token may live for a day', async () => {
  await using t = await createSetup();
  const iat = Math.floor(t.clock.now() / 1_000);
  const token = await t.forge.resign(t.token, { claims: { iat, exp: iat + 86_400 } });
  expect(await t.reasonFor(token)).toBeNull();
});

test('a signature is verified once, and again when another key has the header', async () => {
  await using t = await createSetup();
  const key = await t.composition.keyRing.activeKey();
  let verified = 0;
  const signature = {
    ...key.signature,
    verify: (input: string, tag: Buffer) => {
      verified += 1;
      return key.signature.verify(input, tag);
    },
  };
  let current = { ...key, signature };
  const keyRing = { ...t.composition.keyRing, keyOfHeader: async () => current };
  const accessTokens = t.configured({ keyRing });
  for (let call = 0; call < 3; call += 1) await accessTokens.verify(t.token);
  expect(verified).toBe(1);
  current = { ...key, signature };
  await accessTokens.verify(t.token);
  expect(verified).toBe(2);
});

test.each([' a.YQ.YQ', 'a b.YQ.YQ', 'a.YQ.YQ ', '.YQ.YQ', 'a.YQ', 'a.YQ.YQ.YQ', 'a..YQ', 'a.YQ.'])(
  '%j has no compact form, whatever signature fits',
  (token) => {
    const signature = { sign: () => Buffer.of(), verify: () => true };
    expect(openCompact('a.YQ.YQ', signature)).toEqual(Buffer.from('a'));
    expect(openCompact(token, signature)).toBeNull();
  },
);

test('a signature has to be ours, and of this very text', async () => {
  await using t = await createSetup();
  const [header, payload, signature] = t.token.split('.');
  expect(await t.reasonFor(t.forge.signedByStranger(t.token))).toBe('token_invalid');
  expect(await t.reasonFor(t.forge.unsigned(t.token))).toBe('token_invalid');
  expect(await t.reasonFor(await t.forge.confused(t.token))).toBe('token_invalid');
  expect(await t.reasonFor(t.forge.tampered(t.token, { role: 'admin' }))).toBe('token_invalid');
  expect(await t.reasonFor([payload, header, signature].join('.'))).toBe('token_invalid');
  expect(await t.reasonFor(`${header}.${payload}.AA`)).toBe('token_invalid');
});

test('a token for another issuer or audience is not for us', async () => {
  await using t = await createSetup();
  for (const other of [{ issuer: 'https://other.example' }, { audience: 'other' }]) {
    const { token } = await t.configured(other).issue(claims, t.farAhead);
    expect(await t.reasonFor(token)).toBe('token_invalid');
  }
});

test('a refresh token is no access token', async () => {
  await using t = await createSetup();
  const { refreshToken } = await t.signInAs();
  expect(await t.reasonFor(refreshToken)).toBe('token_invalid');
});

test('a token is good until its expiry, and not on it', async () => {
  await using t = await createSetup();
  t.clock.advance(900 - (t.clock.now() % 1_000) / 1_000 - 0.001);
  expect(await t.reasonFor(t.token)).toBeNull();
  t.clock.advance(0.001);
  expect(await t.reasonFor(t.token)).toBe('token_expired');
});

test('a clock that was set back by up to five seconds refuses nothing', async () => {
  await using t = await createSetup();
  t.clock.advance(-(t.clock.now() % 1_000) / 1_000 - 5);
  expect(await t.reasonFor(t.token)).toBeNull();
  t.clock.advance(-0.001);
  expect(await t.reasonFor(t.token)).toBe('token_invalid');
});

test('what has been verified is known again, within its times alone', async () => {
  await using t = await createSetup();
  const recallAfter = async (seconds: number) => {
    t.clock.advance(seconds);
    await t.composition.keyRing.activeKey();
    return t.accessTokens.recall(t.token);
  };
  expect(t.accessTokens.recall(t.token)).toBeUndefined();
  const verified = await t.accessTokens.verify(t.token);
  expect(t.accessTokens.recall(t.token)).toBe(verified);
  expect(await recallAfter(-(t.clock.now() % 1_000) / 1_000 - 5)).toBe(verified);
  expect(await recallAfter(-0.001)).toBeUndefined();
  expect(await recallAfter(905)).toBe(verified);
  expect(await recallAfter(0.001)).toBeUndefined();
});

test('what has been verified is not known again once the ring has another key, or has to be looked at', async () => {
  await using t = await createSetup();
  let isHeld = true;
  const keyRing = { ...t.composition.keyRing, holds: () => isHeld };
  const accessTokens = t.configured({ keyRing });
  await accessTokens.verify(t.token);
  expect(accessTokens.recall(t.token)).toBeDefined();
  isHeld = false;
  expect(accessTokens.recall(t.token)).toBeUndefined();
});

test('a token does not outlive what it was issued for, and lives for a second at least', async () => {
  await using t = await createSetup();
  const now = Math.floor(t.clock.now() / 1_000) * 1_000;
  const lifetimeUntil = async (notAfter: number) =>
    (await t.accessTokens.issue(claims, notAfter)).expiresIn;
  expect(await lifetimeUntil(now + 86_400_000)).toBe(900);
  expect(await lifetimeUntil(now + 60_999)).toBe(60);
  expect(await lifetimeUntil(now)).toBe(1);
  expect(await lifetimeUntil(now - 5_000)).toBe(1);
});

test('an expired token still names its session, and a forged one names none', async () => {
  await using t = await createSetup();
  t.clock.advance(3_600);
  expect(await t.accessTokens.findSessionId(t.token)).toBe(claims.sessionId);
  expect(await t.accessTokens.findSessionId(t.forge.signedByStranger(t.token))).toBeNull();
  expect(await t.accessTokens.findSessionId('')).toBeNull();
});

test('where the keys cannot be read a token is not called invalid', async () => {
  await using t = await createSetup();
  const overloaded = new LatchkeyError('overloaded');
  const accessTokens = createAccessTokens({
    keyRing: { ...t.composition.keyRing, keyOfHeader: () => Promise.reject(overloaded) },
    runtime: t.composition.runtime,
    issuer: 'http://localhost:4000',
    audience: 'http://localhost:4000',
    ttlSeconds: 900,
  });
  await expect(accessTokens.verify(t.token)).rejects.toBe(overloaded);
  await expect(accessTokens.findSessionId(t.token)).rejects.toBe(overloaded);
});

function decode(segment: string): unknown {
  return JSON.parse(Buffer.from(segment, 'base64url').toString());
}
