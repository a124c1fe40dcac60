import { createHash, createHmac, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  jwtVerify,
  type JSONWebKeySet,
} from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';
import {
  createApi,
  me,
  refresh,
  refusalOf,
  refusals,
  register,
  signedInOf,
  valueOf,
  whatWorks,
} from './api.ts';
import { exchange, requestText } from './raw-socket.ts';
import { segment, signRaw, textOf } from './sign-raw.ts';

const t = await createTestLatchkey();
const { url } = await t.serve();
const api = createApi(url);
const { keyRing } = t.composition;
afterAll(() => t.close());

// Whole seconds, so that bounds in seconds are met exactly.
t.clock.advance((1_000 - (t.clock.now() % 1_000)) / 1_000);
const nowSeconds = t.clock.now() / 1_000;
const signedIn = await register(api);
const admin = await t.signInAs({ role: 'admin' });
const { accessToken } = signedIn;
const goodHeader = textOf(accessToken, 0);
const goodClaims = decodeJwt(accessToken) as Readonly<Record<string, unknown>>;

async function answerTo(token: string): Promise<string> {
  const answer = await api.query('user.me', { token });
  return answer.status === 200 ? 'accepted' : refusalOf(answer);
}

/** A token with these claims under a good header and a good signature. */
function withClaims(claims: object): Promise<string> {
  return signRaw(keyRing, goodHeader, JSON.stringify(claims));
}

/** A token with the good claims under this header and a good signature. */
function withHeader(header: string | object): Promise<string> {
  const text = typeof header === 'string' ? header : JSON.stringify(header);
  return signRaw(keyRing, text, textOf(accessToken, 1));
}

function without(name: string): object {
  return Object.fromEntries(Object.entries(goodClaims).filter(([key]) => key !== name));
}

describe.each(['EdDSA', 'ES256', 'RS256', 'HS256'] as const)('under %s', (signingAlgorithm) => {
  const setUp = async () => {
    const kit = await createTestLatchkey({ signingAlgorithm, audience: 'the-api' });
    return { kit, wire: createApi((await kit.serve()).url) };
  };
  let parts: Awaited<ReturnType<typeof setUp>>;
  beforeAll(async () => {
    parts = await setUp();
  });
  afterAll(() => parts.kit.close());

  test('a token has this header, these claims, and nothing of the person', async () => {
    const { kit, wire } = parts;
    const person = await register(wire, { username: 'claimed', name: 'Claimed Name' });
    const header = decodeProtectedHeader(person.accessToken);
    const claims = decodeJwt(person.accessToken);
    expect(header).toEqual({
      alg: signingAlgorithm,
      typ: 'at+jwt',
      kid: expect.stringMatching(/^[\w-]{16}$/) as unknown,
    });
    const issuedAt = Math.floor(kit.clock.now() / 1_000);
    expect(claims).toEqual({
      iss: 'http://localhost:4000',
      aud: 'the-api',
      sub: person.user.id,
      sid: expect.stringMatching(/^[0-9a-f-]{36}$/) as unknown,
      // 128 random bits.
      jti: expect.stringMatching(/^[\w-]{22}$/) as unknown,
      iat: issuedAt,
      exp: issuedAt + 900,
      role: 'user',
      ver: 0,
    });
  });

  test('others verify it by the published keys, as the standards say', async () => {
    const { kit, wire } = parts;
    const person = await register(wire);
    const keys = JSON.parse((await wire.send('/.well-known/jwks.json')).text) as JSONWebKeySet;
    if (signingAlgorithm === 'HS256') {
      expect(keys).toEqual({ keys: [] });
      return;
    }
    const verified = await jwtVerify(person.accessToken, createLocalJWKSet(keys), {
      issuer: 'http://localhost:4000',
      audience: 'the-api',
      typ: 'at+jwt',
      algorithms: [signingAlgorithm],
      currentDate: new Date(kit.clock.now()),
    });
    expect(verified.payload.sub).toBe(person.user.id);
  });

  test('signing up, me, refresh, rotating keys, logout: all of it works', async () => {
    const { kit, wire } = parts;
    const person = await register(wire);
    const next = signedInOf(await refresh(wire, person.refreshToken));
    const { accessToken: token } = await kit.signInAs({ role: 'admin', email: 'a@tokens.example' });
    valueOf(await wire.mutate('admin.rotateKeys', { token }));
    for (const each of [person, next]) {
      expect((await me(wire, each.accessToken)).id).toBe(person.user.id);
    }
    const rotated = signedInOf(await refresh(wire, next.refreshToken));
    expect(decodeProtectedHeader(rotated.accessToken).kid).not.toBe(
      decodeProtectedHeader(person.accessToken).kid,
    );
    valueOf(await wire.mutate('auth.logout', { token: rotated.accessToken }));
    for (const each of [person, next, rotated]) {
      expect(refusalOf(await wire.query('user.me', { token: each.accessToken }))).toBe(
        refusals.sessionRevoked,
      );
    }
  });

  test('every forgery is refused', async () => {
    const { kit, wire } = parts;
    const { accessToken: token } = await register(wire);
    const { forge } = kit;
    const signed = token.slice(0, token.lastIndexOf('.') + 1);
    const tag = Buffer.from(token.slice(signed.length), 'base64url');
    const withTag = (bytes: Uint8Array) => signed + Buffer.from(bytes).toString('base64url');
    const forgeries = [
      // J-29: shorter, longer, zero, and as large as it can be.
      ...[1, 2, tag.length / 2, tag.length - 1].map((size) => withTag(tag.subarray(0, size))),
      withTag(Buffer.concat([tag, tag])),
      withTag(Buffer.concat([Buffer.of(0), tag])),
      withTag(Buffer.alloc(tag.length)),
      withTag(Buffer.alloc(tag.length, 255)),
      withTag(tag.toReversed()),
      forge.signedByStranger(token),
      forge.signedByStranger(token, { role: 'admin' }),
      forge.unsigned(token),
      forge.unsigned(token).slice(0, -1),
      forge.tampered(token, { role: 'admin' }),
      await forge.confused(token),
      await forge.resign(token, { header: { typ: 'JWT' } }),
      await forge.resign(token, { header: { kid: 'AAAAAAAAAAAAAAAA' } }),
      await forge.resign(token, { header: { cty: 'JWT' } }),
      await forge.resign(token, { claims: { iss: 'https://evil.example' } }),
      await forge.resign(token, { claims: { aud: 'another-api' } }),
      await forge.resign(token, { claims: { exp: 99_999_999_999 } }),
      await forge.resign(token, { claims: { iat: 99_999_999_999, exp: 99_999_999_999 + 60 } }),
    ];
    for (const forgery of forgeries) {
      expect(refusalOf(await wire.query('user.me', { token: forgery }))).toBe(
        refusals.tokenInvalid,
      );
    }
    expect((await wire.query('user.me', { token })).status).toBe(200);
  });

  test('one character after another, no other spelling is accepted', async () => {
    const { wire } = parts;
    const { accessToken: token } = await register(wire);
    const last = token.length - 1;
    // The last character of a segment has unused bits: other characters mean the same bytes.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const ends = [token.indexOf('.') - 1, token.lastIndexOf('.') - 1, last];
    const spellings = ends.flatMap((at) =>
      alphabet
        .split('')
        .filter((character) => character !== token[at])
        .map((character) => token.slice(0, at) + character + token.slice(at + 1)),
    );
    const answers = await Promise.all(
      spellings.map(async (spelling) =>
        refusalOf(await wire.query('user.me', { token: spelling })),
      ),
    );
    expect(new Set(answers)).toEqual(new Set([refusals.tokenInvalid]));
  });
});

test('what this file signs is accepted when nothing is wrong with it', async () => {
  expect(await answerTo(await withHeader(goodHeader))).toBe('accepted');
  expect(await answerTo(await withClaims(goodClaims))).toBe('accepted');
});

describe('the compact form', () => {
  const [header = '', payload = '', signature = ''] = accessToken.split('.');

  test.each([
    ['padding', `${header}=.${payload}=.${signature}==`],
    ['padding on the signature', `${accessToken}==`],
    ['plus and slash', accessToken.replaceAll('-', '+').replaceAll('_', '/')],
    ['four segments', `${accessToken}.`],
    ['two segments', `${header}.${payload}`],
    ['a dot before', `.${accessToken}`],
    ['no payload', `${header}..${signature}`],
    ['no signature', `${header}.${payload}.`],
    ['a percent sign', `${accessToken}%41`],
    ['quotes', `"${accessToken}"`],
    ['a truncated signature', accessToken.slice(0, -1)],
    ['a longer signature', `${accessToken}A`],
    ['a signature of zeros', `${header}.${payload}.${Buffer.alloc(64).toString('base64url')}`],
    ['a signature of ones', `${header}.${payload}.${Buffer.alloc(64, 255).toString('base64url')}`],
    ['an empty signature of one character', `${header}.${payload}.A`],
  ])('J-29: has no spelling with %s', async (_name, token) => {
    const expected = token === accessToken ? 'accepted' : refusals.tokenInvalid;
    expect(await answerTo(token)).toBe(expected);
  });

  test('has no spelling with white space inside', async () => {
    for (const space of [' ', '\t']) {
      expect(
        await answerTo(`${header}.${payload.slice(0, 9)}${space}${payload.slice(9)}.${signature}`),
      ).toBe(refusals.tokenInvalid);
    }
  });

  test('J-34: refuses a token with any one character changed', async () => {
    const mutants = [...accessToken].map(
      (character, at) =>
        accessToken.slice(0, at) + (character === 'A' ? 'B' : 'A') + accessToken.slice(at + 1),
    );
    const answers: string[] = [];
    while (mutants.length > 0) {
      answers.push(...(await Promise.all(mutants.splice(0, 50).map(answerTo))));
    }
    expect(answers.length).toBe(accessToken.length);
    expect(new Set(answers)).toEqual(new Set([refusals.tokenInvalid]));
  });

  test('J-22: is the only form: no JSON serialisation', async () => {
    const flattened = JSON.stringify({ protected: header, payload, signature });
    const general = JSON.stringify({ payload, signatures: [{ protected: header, signature }] });
    for (const token of [flattened, general, segment(flattened)]) {
      expect(await answerTo(token)).toBe(refusals.tokenInvalid);
    }
  });

  test('J-23, J-24: is not encrypted, zipped or nested', async () => {
    const jwe = (more: object) =>
      `${segment(JSON.stringify({ enc: 'A256GCM', ...more }))}.${payload}.${payload}.${payload}.${signature}`;
    const nested = await signRaw(
      keyRing,
      '{"alg":"EdDSA","typ":"at+jwt","cty":"JWT"}',
      admin.accessToken,
    );
    for (const token of [
      jwe({ alg: 'dir' }),
      jwe({ alg: 'PBES2-HS256+A128KW', p2c: 2 ** 31 - 1, p2s: 'AAAA' }),
      jwe({ alg: 'dir', zip: 'DEF' }),
      nested,
      await signRaw(keyRing, goodHeader, admin.accessToken),
      await signRaw(keyRing, goodHeader, JSON.stringify(admin.accessToken)),
    ]) {
      expect(await answerTo(token)).toBe(refusals.tokenInvalid);
    }
  });

  test('J-25: is bounded', async () => {
    const deep = `${segment('['.repeat(3_000))}.${payload}.${signature}`;
    const large = await withClaims({ ...goodClaims, filler: 'x'.repeat(7_000) });
    const tokens = [large, 'x'.repeat(15_000), '.'.repeat(15_000), 'a.'.repeat(7_000), deep];
    for (const token of tokens) expect(await answerTo(token)).toBe(refusals.tokenInvalid);
    const larger = await exchange(
      url,
      requestText('GET /trpc/user.me', [`Authorization: Bearer ${'x'.repeat(17_000)}`]),
    );
    expect(larger.statuses).toEqual([431]);
    expect(await answerTo(accessToken)).toBe('accepted');
  });
});

describe('the header', () => {
  const { kid } = decodeProtectedHeader(accessToken);
  const base = { alg: 'EdDSA', typ: 'at+jwt', kid };

  test('J-01: names an algorithm, and never none', async () => {
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '', null, undefined]) {
      const text = segment(JSON.stringify({ ...base, alg }));
      const rest = `${text}.${accessToken.split('.')[1]}`;
      const kept = `${rest}.${accessToken.split('.')[2]}`;
      for (const token of [`${rest}.`, rest, kept, await withHeader({ ...base, alg })]) {
        expect(await answerTo(token)).toBe(refusals.tokenInvalid);
      }
    }
  });

  test.each(['hs256', 'Hs256', 'HS256 ', 'EdDSA\0', 'eddsa', 'Ed25519', 'ES256', ['EdDSA'], 1])(
    'J-02: refuses the algorithm %j',
    async (alg) => {
      expect(await answerTo(await withHeader({ ...base, alg }))).toBe(refusals.tokenInvalid);
    },
  );

  test('J-03: no spelling of the public key is a secret', async () => {
    const { publicJwk } = await keyRing.activeKey();
    if (!publicJwk) throw new Error('EdDSA has a public key.');
    const key = createPublicKey({ key: { ...publicJwk }, format: 'jwk' });
    const pem = key.export({ type: 'spki', format: 'pem' }).toString();
    const secrets: (string | Buffer)[] = [
      pem,
      pem.trimEnd(),
      ` ${pem}`,
      `\n${pem}`,
      pem.replaceAll('\n', ''),
      key.export({ type: 'spki', format: 'der' }),
      JSON.stringify(publicJwk),
      JSON.stringify({ kty: publicJwk.kty, crv: publicJwk.crv, x: publicJwk.x }),
      publicJwk.x ?? '',
      Buffer.from(publicJwk.x ?? '', 'base64url'),
      '',
    ];
    for (const hash of ['sha256', 'sha384', 'sha512']) {
      const alg = `HS${hash.slice(3)}`;
      const input = `${segment(JSON.stringify({ ...base, alg }))}.${accessToken.split('.')[1]}`;
      for (const secret of secrets) {
        const tag = createHmac(hash, secret).update(input).digest('base64url');
        expect(await answerTo(`${input}.${tag}`)).toBe(refusals.tokenInvalid);
      }
    }
  });

  test('J-04, J-06: brings no key of its own', async () => {
    const stranger = generateKeyPairSync('ed25519');
    const jwk = stranger.publicKey.export({ format: 'jwk' });
    const der = stranger.publicKey.export({ type: 'spki', format: 'der' });
    const thumbprint = createHash('sha256').update(der).digest('base64url');
    const additions = [
      { jwk },
      { x5c: [der.toString('base64')] },
      { x5t: thumbprint },
      { 'x5t#S256': thumbprint },
    ];
    for (const addition of additions) {
      for (const header of [
        { ...base, ...addition },
        { alg: 'EdDSA', typ: 'at+jwt', ...addition },
      ]) {
        const input = `${segment(JSON.stringify(header))}.${accessToken.split('.')[1]}`;
        const signature = sign(null, Buffer.from(input), stranger.privateKey);
        expect(await answerTo(`${input}.${signature.toString('base64url')}`)).toBe(
          refusals.tokenInvalid,
        );
        expect(await answerTo(await withHeader(header))).toBe(refusals.tokenInvalid);
      }
    }
  });

  test('J-05: fetches no key from anywhere', async () => {
    let connections = 0;
    const listener = createServer((_req, res) => res.end('{"keys":[]}')).on('connection', () => {
      connections += 1;
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const { port } = listener.address() as AddressInfo; // A TCP server has such an address.
    const keysUrl = `http://127.0.0.1:${port}/keys`;
    for (const addition of [
      { jku: keysUrl },
      { x5u: keysUrl },
      { jku: 'file:///etc/passwd' },
      { jku: 'http://169.254.169.254/latest' },
    ]) {
      expect(await answerTo(await withHeader({ ...base, ...addition }))).toBe(
        refusals.tokenInvalid,
      );
    }
    await new Promise((resolve) => listener.close(resolve));
    expect(connections).toBe(0);
  });

  test.each([
    undefined,
    'unknown',
    'x'.repeat(4_000),
    '../../../../dev/null',
    "' OR 1=1--",
    'a\0b',
    7,
    { kid: 1 },
    '__proto__',
    'constructor',
    'hasOwnProperty',
    null,
    [kid],
  ])('J-07: refuses the key id %j', async (other) => {
    expect(await answerTo(await withHeader({ ...base, kid: other }))).toBe(refusals.tokenInvalid);
  });

  test.each([['exp'], [], 'exp', ['exp', 'exp'], ['alg'], ['b64'], [7]].map((crit) => [crit]))(
    'J-08: refuses crit %j',
    async (crit) => {
      for (const header of [
        { ...base, crit },
        { ...base, crit, b64: false },
      ]) {
        expect(await answerTo(await withHeader(header))).toBe(refusals.tokenInvalid);
      }
    },
  );

  test.each([undefined, 'JWT', 'jwt', 'at+jwt;x', 'at+JWT ', 'rt+jwt', 'logout+jwt', ['at+jwt']])(
    'J-09: refuses the type %j',
    async (typ) => {
      expect(await answerTo(await withHeader({ ...base, typ }))).toBe(refusals.tokenInvalid);
    },
  );

  test('J-18: refuses duplicate members and other orders of the same', async () => {
    for (const text of [
      `{"alg":"none",${goodHeader.slice(1)}`,
      `${goodHeader.slice(0, -1)},"alg":"EdDSA"}`,
      `{"typ":"at+jwt","alg":"EdDSA","kid":"${kid}"}`,
      goodHeader.replace('"alg"', ' "alg"'),
      goodHeader.replace('at+jwt', 'at\\u002bjwt'),
      `\ufeff${goodHeader}`,
    ]) {
      expect(await answerTo(await withHeader(text))).toBe(refusals.tokenInvalid);
    }
  });
});

describe('the claims', () => {
  test.each(['iss', 'aud', 'sub', 'sid', 'jti', 'iat', 'exp', 'role', 'ver'])(
    'are refused without %s',
    async (name) => {
      expect(await answerTo(await withClaims(without(name)))).toBe(refusals.tokenInvalid);
    },
  );

  const refused: Readonly<Record<string, readonly (readonly [string, unknown])[]>> = {
    'J-12': [
      ...['', '1', null, [], {}, true, -1, 1.5, nowSeconds + 900.5].map(
        (exp) => ['exp', exp] as const,
      ),
      ['exp', nowSeconds],
      ['exp', nowSeconds + 86_401],
      // The end of the year 9999.
      ['exp', 253_402_300_799],
    ],
    'J-13': [
      ['nbf', nowSeconds + 60],
      ['nbf', 'soon'],
    ],
    'J-14': ['', '1', null, [], true, nowSeconds + 0.5, nowSeconds + 6, nowSeconds - 86_400].map(
      (iat) => ['iat', iat] as const,
    ),
    'J-15': [
      'https://evil.example',
      'HTTP://localhost:4000',
      'http://localhost:4000/',
      'http://localhost:400',
      ['http://localhost:4000'],
      null,
    ].map((iss) => ['iss', iss] as const),
    'J-16': [
      'https://evil.example',
      'http://localhost:400',
      'http://localhost:40000',
      [],
      7,
      {},
      null,
      ['http://localhost:4000'],
      ['http://localhost:4000', 'other'],
    ].map((aud) => ['aud', aud] as const),
    'J-17': [
      ...[7, [signedIn.user.id], null, {}].map((sub) => ['sub', sub] as const),
      ...[7, [], null, {}].map((sid) => ['sid', sid] as const),
      ...['0', 0.5, null, [0]].map((ver) => ['ver', ver] as const),
      ...[['admin'], null, { admin: true }].map((role) => ['role', role] as const),
    ],
  };

  test.each(
    Object.entries(refused).flatMap(([row, changes]) =>
      changes.map(([name, value]) => ({ row, name, value })),
    ),
  )('$row: are refused with $name: $value', async ({ name, value }) => {
    expect(await answerTo(await withClaims({ ...goodClaims, [name]: value }))).toBe(
      refusals.tokenInvalid,
    );
  });

  test('J-12: are refused with an infinite exp', async () => {
    const payload = JSON.stringify(goodClaims).replace(/"exp":\d+/, '"exp":1e400');
    expect(await answerTo(await signRaw(keyRing, goodHeader, payload))).toBe(refusals.tokenInvalid);
  });

  test.each(['', '"text"', '7', 'null', '[]', '{', 'x', '{"sub":1}{}', '\ufeff{}'])(
    'are refused as %j',
    async (payload) => {
      expect(await answerTo(await signRaw(keyRing, goodHeader, payload || ' '))).toBe(
        refusals.tokenInvalid,
      );
    },
  );

  test('J-17: name the user whose session it is', async () => {
    const unknown = '01900000-0000-7000-8000-000000000000';
    for (const change of [
      { sub: admin.user.id },
      { sub: unknown },
      { sub: '' },
      { sub: admin.user.email },
      { sid: unknown },
      { sid: '' },
      { sid: "' OR 1=1 --" },
    ]) {
      expect(await answerTo(await withClaims({ ...goodClaims, ...change }))).toBe(
        refusals.sessionRevoked,
      );
    }
  });

  test('J-18, J-19: make nobody an admin', async () => {
    const attempts = [
      JSON.stringify({ ...goodClaims, role: 'admin' }),
      JSON.stringify(goodClaims).replace('"role":"user"', '"role":"user","role":"admin"'),
      JSON.stringify(goodClaims).replace('"role":"user"', '"role":"admin","role":"user"'),
      JSON.stringify(goodClaims).replace('{', '{"__proto__":{"role":"admin"},'),
      JSON.stringify({ ...goodClaims, constructor: { role: 'admin' }, toString: 'x' }),
      JSON.stringify({ ...goodClaims, roles: ['admin'], scope: 'admin', admin: true }),
    ];
    for (const payload of attempts) {
      const token = await signRaw(keyRing, goodHeader, payload);
      const answer = await api.query('admin.listUsers', { token });
      expect([401, 403]).toContain(answer.status);
      const asMe = await api.query('user.me', { token });
      if (asMe.status === 200) expect(valueOf(asMe)).toEqual(signedIn.user);
    }
  });

  test('are stale with another version', async () => {
    expect(await answerTo(await withClaims({ ...goodClaims, ver: 1 }))).toBe(refusals.tokenStale);
    expect(await answerTo(await withClaims({ ...goodClaims, ver: -1 }))).toBe(refusals.tokenStale);
  });

  test('J-11, J-14: are good from five seconds before iat until exp, and not at exp', async () => {
    const early = await withClaims({ ...goodClaims, iat: nowSeconds + 5, exp: nowSeconds + 10 });
    expect(await answerTo(early)).toBe('accepted');
    const person = await register(api);
    t.clock.advance(899.999);
    expect(await answerTo(person.accessToken)).toBe('accepted');
    t.clock.advance(0.001);
    expect(await answerTo(person.accessToken)).toBe(refusals.tokenExpired);
    t.clock.advance(365 * 86_400);
    expect(await answerTo(person.accessToken)).toBe(refusals.tokenExpired);
    t.clock.advance(-365 * 86_400 - 900);
    expect(await answerTo(person.accessToken)).toBe('accepted');
  });
});

describe('the Authorization header', () => {
  test.each(['Bearer', 'bearer', 'BEARER'])('J-26: takes the scheme %s', async (scheme) => {
    const headers = { authorization: `${scheme} ${accessToken}` };
    expect((await api.query('user.me', { headers })).status).toBe(200);
  });

  test.each([
    ['another scheme', `Basic ${accessToken}`],
    ['the token alone', accessToken],
    ['Token', `Token ${accessToken}`],
    ['two spaces', `Bearer  ${accessToken}`],
    ['a tab', `Bearer\t${accessToken}`],
    ['a list', `Bearer ${accessToken}, Bearer ${accessToken}`],
    ['a parameter', `Bearer ${accessToken}; x=y`],
    ['more words', `Bearer ${accessToken} ${accessToken}`],
    ['no token', 'Bearer'],
    ['a bad escape', 'Bearer %E0%A4%A'],
    ['other letters', 'Bearer \u00e9\u00e8'],
    ['a scheme before', `Basic x, Bearer ${accessToken}`],
    ['DPoP', `DPoP ${accessToken}`],
  ])('J-26: refuses %s', async (_name, authorization) => {
    const answer = await api.query('user.me', { headers: { authorization } });
    expect(refusalOf(answer)).toBe(refusals.tokenInvalid);
  });

  test('J-26: is missing when it is empty', async () => {
    const answer = await exchange(url, requestText('GET /trpc/user.me', ['Authorization:  ']));
    expect(answer.statuses).toEqual([401]);
    expect(answer.text).toContain('"reason":"token_missing"');
  });

  test('J-28: is the only place for a token', async () => {
    const connection = encodeURIComponent(JSON.stringify({ token: accessToken }));
    const places = [
      () => api.send(`/trpc/user.me?access_token=${accessToken}`),
      () => api.send(`/trpc/user.me?token=${accessToken}`),
      () => api.send(`/trpc/user.me?connectionParams=${connection}`),
      () => api.query('user.me', { headers: { 'x-access-token': accessToken } }),
      () => api.query('user.me', { headers: { cookie: `latchkey=${accessToken}` } }),
      () => api.query('user.me', { headers: { cookie: `access_token=${accessToken}` } }),
      () => api.mutate('session.revokeAll', { headers: { cookie: `latchkey=${accessToken}` } }),
    ];
    for (const place of places) {
      expect((await place()).status).not.toBe(200);
    }
    expect(await answerTo(accessToken)).toBe('accepted');
  });
});

test('J-10: a refresh token is no access token, an access token is no refresh token', async () => {
  const person = await register(api);
  expect(await answerTo(person.refreshToken)).toBe(refusals.tokenInvalid);
  expect(refusalOf(await refresh(api, person.accessToken.slice(0, 512)))).toBe(
    refusals.tokenInvalid,
  );
  expect(await whatWorks(api, person)).toEqual({ me: true, refresh: true });
});

test('J-30: a token of another instance is refused, whatever the two have in common', async () => {
  await using other = await createTestLatchkey();
  const wire = createApi((await other.serve()).url);
  const there = await register(wire);
  expect(await answerTo(there.accessToken)).toBe(refusals.tokenInvalid);
  expect(refusalOf(await refresh(api, there.refreshToken))).toBe(refusals.tokenInvalid);
  expect(refusalOf(await wire.query('user.me', { token: accessToken }))).toBe(
    refusals.tokenInvalid,
  );
  expect(await whatWorks(wire, there)).toEqual({ me: true, refresh: true });
});

test('J-32: no two tokens share an id', async () => {
  const person = await register(api);
  const ids = new Set<unknown>();
  let latest = person;
  for (let count = 0; count < 50; count += 1) {
    ids.add(decodeJwt(latest.accessToken).jti);
    latest = signedInOf(await refresh(api, latest.refreshToken));
  }
  expect(ids.size).toBe(50);
});

test('claims of the host stand beside ours', async () => {
  await using host = await createTestLatchkey({
    claims: (user) => ({ tenant: `of ${user.email}` }),
  });
  const wire = createApi((await host.serve()).url);
  const person = await register(wire);
  expect(decodeJwt(person.accessToken)).toMatchObject({
    tenant: `of ${person.user.email}`,
    sub: person.user.id,
  });
  expect(await whatWorks(wire, person)).toEqual({ me: true, refresh: true });
});
