import {
  createHash,
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  sign,
  type KeyObject,
} from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, afterEach, expect, test } from 'vitest';
import { createApi, me, refusals, register, userOf } from '../contract/api.ts';
import { exchange, requestText } from '../contract/raw-socket.ts';
import { segment, signRaw, textOf } from '../contract/sign-raw.ts';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';
import { inGroups, outcomeOf, range, assertRefused, startTarget } from './target.ts';

const target = await startTarget();
const { t, api, url } = target;
const { keyRing } = t.composition;
afterEach(() => target.assertUnharmed());
afterAll(() => t.close());

// Whole seconds, so that bounds in seconds are met exactly.
t.clock.advance((1_000 - (t.clock.now() % 1_000)) / 1_000);
const now = t.clock.now() / 1_000;
const person = await register(api);
const admin = await t.signInAs({ role: 'admin' });
const token = person.accessToken;
const [, payload = '', signature = ''] = token.split('.');
const header = decodeProtectedHeader(token) as Readonly<Record<string, unknown>>;
const claims = decodeJwt(token) as Readonly<Record<string, unknown>>;

async function answerTo(forgery: string): Promise<string> {
  return outcomeOf(await api.query('user.me', { token: forgery }));
}

/** With the server's own key: whatever is wrong then, it is not the signature. */
function signed(change: { header?: object | string; claims?: object | string }): Promise<string> {
  const text = (part: object | string | undefined, good: object) =>
    typeof part === 'string' ? part : JSON.stringify({ ...good, ...part });
  return signRaw(keyRing, text(change.header, header), text(change.claims, claims));
}

/** One token for each value of a claim; `undefined` leaves it out. */
function withClaim(name: string, values: readonly unknown[]): Promise<string[]> {
  return Promise.all(values.map((value) => signed({ claims: { [name]: value } })));
}

function withHeaders(headers: readonly (object | string)[]): Promise<string[]> {
  return Promise.all(headers.map((each) => signed({ header: each })));
}

function inputOf(change: object): string {
  return `${segment(JSON.stringify({ ...header, ...change }))}.${payload}`;
}

function mac(hash: string, key: string | Uint8Array, input: string): string {
  return `${input}.${createHmac(hash, key).update(input).digest('base64url')}`;
}

function signedBy(key: KeyObject, input: string): string {
  return `${input}.${sign(null, Buffer.from(input), key).toString('base64url')}`;
}

const stranger = generateKeyPairSync('ed25519');
const strangersJwk = stranger.publicKey.export({ format: 'jwk' });
const strangersDer = stranger.publicKey.export({ type: 'spki', format: 'der' });

test('J-01 no algorithm that means none, with any kind of signature', async () => {
  const tokens = await Promise.all(
    ['none', 'None', 'NONE', 'nOnE', '', null, undefined].map(async (alg) => {
      const input = inputOf({ alg });
      return [`${input}.`, input, `${input}.${signature}`, await signed({ header: { alg } })];
    }),
  );
  await assertRefused(answerTo, tokens.flat());
});

test('J-02 no other spelling of an algorithm, and no list', async () => {
  const algs = ['hs256', 'Hs256', 'HS256 ', 'EdDSA\0', 'eddsa', ' EdDSA', 'Ed25519', ['EdDSA'], {}];
  await assertRefused(answerTo, await withHeaders(algs.map((alg) => ({ alg }))));
});

test('J-03 no spelling of a public key is the secret of an HMAC', async () => {
  await using rsa = await startTarget({ signingAlgorithm: 'RS256' });
  for (const each of [target, rsa]) {
    const { publicJwk } = await each.t.composition.keyRing.activeKey();
    const key = createPublicKey({ key: { ...publicJwk }, format: 'jwk' });
    const pem = key.export({ type: 'spki', format: 'pem' }).toString();
    const raw = publicJwk?.x ?? publicJwk?.n ?? '';
    const secrets = [
      pem,
      pem.trimEnd(),
      ` ${pem}`,
      `\n${pem}`,
      pem.replaceAll('\n', ''),
      key.export({ type: 'spki', format: 'der' }),
      JSON.stringify(publicJwk),
      raw,
      Buffer.from(raw, 'base64url'),
      '',
    ];
    const good = each.victim.accessToken;
    const tokens = ['sha256', 'sha384', 'sha512'].flatMap((hash) => {
      const text = { ...decodeProtectedHeader(good), alg: `HS${hash.slice(3)}` };
      const input = `${segment(JSON.stringify(text))}.${good.split('.')[1]}`;
      return secrets.map((secret) => mac(hash, secret, input));
    });
    await assertRefused(
      async (forgery) => outcomeOf(await each.api.query('user.me', { token: forgery })),
      tokens,
    );
  }
});

test('J-04 no key that the token brings along', async () => {
  const headers = [{ jwk: strangersJwk }, { jwk: strangersJwk, kid: undefined }];
  await assertRefused(answerTo, [
    ...headers.map((each) => signedBy(stranger.privateKey, inputOf(each))),
    ...(await withHeaders(headers)),
  ]);
});

test('J-05 no key is fetched from where the token says', async () => {
  let connections = 0;
  const listener = createServer((_req, res) => res.end('{"keys":[]}')).on('connection', () => {
    connections += 1;
  });
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  const { port } = listener.address() as AddressInfo; // A TCP server has such an address.
  const places = [`http://127.0.0.1:${port}/keys`, 'file:///dev/null', 'http://169.254.169.254/'];
  const headers = places.flatMap((place) => [{ jku: place }, { x5u: place }]);
  await assertRefused(answerTo, [
    ...headers.map((each) => signedBy(stranger.privateKey, inputOf(each))),
    ...(await withHeaders(headers)),
  ]);
  expect(connections).toBe(0);
  listener.close();
  await once(listener, 'close');
});

test('J-06 no certificate that the token brings along', async () => {
  const thumbprint = createHash('sha256').update(strangersDer).digest('base64url');
  const headers = [
    { x5c: [strangersDer.toString('base64')] },
    { x5t: thumbprint },
    { 'x5t#S256': thumbprint },
  ];
  await assertRefused(answerTo, [
    ...headers.map((each) => signedBy(stranger.privateKey, inputOf(each))),
    ...(await withHeaders(headers)),
  ]);
});

test('J-07 no kid but the own, and none leads out of the table of keys', async () => {
  const kids = [
    undefined,
    '',
    'AAAAAAAAAAAAAAAA',
    'x'.repeat(2_000),
    '../../../../dev/null',
    "' OR 1=1--",
    '\0',
    1,
    {},
    [header['kid']],
    null,
    '__proto__',
    'constructor',
    'hasOwnProperty',
    'toString',
  ];
  await assertRefused(answerTo, [
    ...(await withHeaders(kids.map((kid) => ({ kid })))),
    ...kids.map((kid) => mac('sha256', '', inputOf({ alg: 'HS256', kid }))),
  ]);
  const huge = requestText('GET /trpc/user.me', [
    `Authorization: Bearer ${inputOf({ kid: 'x'.repeat(65_536) })}.${signature}`,
  ]);
  expect((await exchange(url, huge)).statuses).toEqual([431]);
});

test('J-08 no crit, whatever it names', async () => {
  const crits = [['http://example.com/x'], [], 'alg', ['alg', 'alg'], ['alg'], null, [1]];
  await assertRefused(
    answerTo,
    await withHeaders([
      ...crits.map((crit) => ({ crit, 'http://example.com/x': true })),
      { crit: ['b64'], b64: false },
      { b64: false },
    ]),
  );
});

test('J-09 no type but at+jwt, and nothing else that is issued', async () => {
  const typs = [
    'JWT',
    'at+jwt;x',
    'application/at+jwt',
    'AT+JWT',
    'rt+jwt',
    'id',
    '',
    undefined,
    1,
  ];
  await assertRefused(answerTo, [
    ...(await withHeaders(typs.map((typ) => ({ typ })))),
    person.refreshToken,
    admin.refreshToken,
  ]);
});

test('J-10 no access token for a refresh token, and the other way round', async () => {
  const swapped = await api.mutate('auth.refresh', { input: { refreshToken: token } });
  expect(outcomeOf(swapped)).toBe(refusals.tokenInvalid);
  expect(await answerTo(person.refreshToken)).toBe(refusals.tokenInvalid);
  for (const credential of [token, person.refreshToken]) {
    const headers = { cookie: `latchkey=${credential}; __Host-latchkey=${credential}` };
    expect(outcomeOf(await api.query('user.me', { headers }))).toBe(refusals.tokenMissing);
  }
  expect((await me(api, token)).id).toBe(person.user.id);
});

test('J-11 nothing that has expired, with no leeway', async () => {
  const tokens = [now - 365 * 86_400, now - 61, now - 1, now].map((exp) =>
    signed({ claims: { iat: exp - 900, exp } }),
  );
  for (const forgery of await Promise.all(tokens)) {
    expect(await answerTo(forgery)).toBe(refusals.tokenExpired);
  }
  const alive = await signed({ claims: { iat: now - 899, exp: now + 1 } });
  expect(await answerTo(alive)).toBe('answered');
});

test('J-12 no odd exp, and none beyond the longest lifetime', async () => {
  const values = [undefined, String(now + 60), null, [now + 60], {}, now + 60.5, 253_402_300_799];
  await assertRefused(answerTo, [
    ...(await withClaim('exp', [...values, now + 86_401, true])),
    await signed({
      claims: JSON.stringify({ ...claims, exp: 0 }).replace('"exp":0', '"exp":1e400'),
    }),
    await signed({ claims: { exp: -1 } }),
  ]);
});

test('J-13 no nbf, as none is ever issued', async () => {
  await assertRefused(
    answerTo,
    await withClaim('nbf', [now + 60, now - 60, 'soon', null, [], 1e300]),
  );
});

test('J-14 no iat from the future, and no odd one', async () => {
  const values = [undefined, now + 6, now + 3_600, String(now), null, [now], now + 0.5, -1];
  await assertRefused(answerTo, await withClaim('iat', values));
  expect(await answerTo(await signed({ claims: { iat: now + 5 } }))).toBe('answered');
});

test('J-15 no issuer but the own, letter by letter', async () => {
  const issuer = String(claims['iss']);
  const values = [undefined, 'https://evil.example', issuer.toUpperCase(), `${issuer}/`];
  const odd = [issuer.slice(0, -1), `${issuer}.evil.example`, [issuer], { 0: issuer }, null];
  await assertRefused(answerTo, await withClaim('iss', [...values, ...odd]));
});

test('J-16 no audience but the own, alone', async () => {
  const audience = String(claims['aud']);
  const values = [undefined, 'other', audience.slice(0, -1), [], 1, { [audience]: true }];
  await assertRefused(
    answerTo,
    await withClaim('aud', [...values, [audience, 'other'], [audience]]),
  );
});

test('J-17 no subject but the user whose session it is', async () => {
  await assertRefused(answerTo, await withClaim('sub', [undefined, 1, null, [person.user.id], {}]));
  for (const sub of ['', admin.user.id, person.user.email, target.victim.user.id, '__proto__']) {
    expect(await answerTo(await signed({ claims: { sub } }))).toBe(refusals.sessionRevoked);
  }
});

test('J-18 duplicate members: none in a header, and in a payload the last counts, everywhere', async () => {
  const text = JSON.stringify(header);
  await assertRefused(
    answerTo,
    await withHeaders([
      text.replace('{', '{"alg":"none",'),
      text.replace('}', ',"alg":"EdDSA"}'),
      text.replace('{', '{"typ":"JWT",'),
      text.replace('{', '{"crit":["x"],"crit":[],'),
    ]),
  );
  const good = JSON.stringify(claims);
  const raised = await signed({ claims: good.replace('}', ',"role":"admin"}') });
  const restored = await signed({ claims: good.replace('{', '{"role":"admin",') });
  expect(await answerTo(raised)).toBe(refusals.tokenStale);
  expect(await answerTo(restored)).toBe('answered');
  for (const forgery of [raised, restored]) {
    const answer = await api.query('admin.listUsers', { token: forgery });
    expect([refusals.forbidden, refusals.tokenStale]).toContain(outcomeOf(answer));
  }
});

test('J-19 claims named like members of every object raise nobody', async () => {
  const extra = '"__proto__":{"role":"admin"},"constructor":{"prototype":{}},"toString":1,';
  const forgery = await signed({ claims: JSON.stringify(claims).replace('{', `{${extra}`) });
  const answer = await api.query('user.me', { token: forgery });
  expect(userOf(answer)).toEqual(person.user);
  expect(Object.keys(userOf(answer)).toSorted()).toEqual(Object.keys(person.user).toSorted());
  expect(outcomeOf(await api.query('admin.listUsers', { token: forgery }))).toBe(
    refusals.forbidden,
  );
});

test('J-22 no JSON serialisation', async () => {
  const [protectedHeader = ''] = token.split('.');
  const flattened = JSON.stringify({ protected: protectedHeader, payload, signature });
  const general = { payload, signatures: [{ protected: protectedHeader, signature }] };
  await assertRefused(answerTo, [flattened, segment(flattened), JSON.stringify(general)]);
});

test('J-23 nothing encrypted or zipped', async () => {
  const jwe = (more: object) =>
    [
      segment(JSON.stringify({ enc: 'A256GCM', ...more })),
      payload,
      payload,
      payload,
      signature,
    ].join('.');
  await assertRefused(answerTo, [
    jwe({ alg: 'dir' }),
    jwe({ alg: 'PBES2-HS256+A128KW', p2c: 2 ** 31, p2s: 'AAAA' }),
    jwe({ alg: 'dir', zip: 'DEF' }),
    ...(await withHeaders([{ zip: 'DEF' }, { alg: 'dir', enc: 'A256GCM' }])),
  ]);
});

test('J-24 no token in a token', async () => {
  const inner = admin.accessToken;
  const tokens = [inner, JSON.stringify(inner), JSON.stringify({ jwt: inner })].flatMap((text) => [
    signed({ header: { cty: 'JWT' }, claims: text }),
    signed({ claims: text }),
  ]);
  await assertRefused(answerTo, await Promise.all(tokens));
});

test('J-25 no giant of any shape', async () => {
  const filled = await signed({ claims: { filler: 'x'.repeat(7_000) } });
  const deep = `${segment('['.repeat(8_000))}.${payload}.${signature}`;
  await assertRefused(answerTo, [
    filled,
    'x'.repeat(15_900),
    '.'.repeat(15_900),
    'a.'.repeat(7_000),
    deep,
  ]);
  for (const line of [
    `Authorization: Bearer ${'['.repeat(200_000)}`,
    `Authorization: Bearer ${'.'.repeat(100_000)}`,
    `Cookie: latchkey=${'x'.repeat(1_000_000)}`,
  ]) {
    expect((await exchange(url, requestText('GET /trpc/user.me', [line]))).statuses).toEqual([431]);
  }
});

test('J-26 no other grammar of Authorization than Bearer, one space and a token', async () => {
  const send = async (authorization: string) =>
    outcomeOf(await api.query('user.me', { headers: { authorization } }));
  const basic = Buffer.from(`${person.user.email}:x`).toString('base64');
  const values = [
    `Basic ${basic}`,
    `Token ${token}`,
    `Bearer  ${token}`,
    `Bearer\t${token}`,
    `Bearer ${token} x`,
    `Bearer ${token}, Bearer ${token}`,
    `Bearer ${token}\u00e9`,
    'Bearer %E0%A4%A',
    'Bearer',
    token,
    `"Bearer ${token}"`,
    `Bearer=${token}`,
  ];
  for (const value of values) expect(await send(value)).toBe(refusals.tokenInvalid);
  expect(await send('')).toBe(refusals.tokenMissing);
  for (const scheme of ['Bearer', 'bearer', 'BEARER', 'bEaReR']) {
    expect(await send(`${scheme} ${token}`)).toBe('answered');
  }
});

test('J-28 no token in an address, a form or a body', async () => {
  const parameters = encodeURIComponent(
    JSON.stringify({ token, authorization: `Bearer ${token}` }),
  );
  for (const query of [
    `access_token=${token}`,
    `token=${token}`,
    `authorization=Bearer%20${token}`,
  ]) {
    expect(outcomeOf(await api.send(`/trpc/user.me?${query}`))).toBe(refusals.tokenMissing);
  }
  const viaParameters = await api.send(`/trpc/user.me?connectionParams=${parameters}`);
  expect([400, 401]).toContain(viaParameters.status);
  const body = await api.mutate('session.revokeAll', { input: { access_token: token, token } });
  expect(outcomeOf(body)).toBe(refusals.tokenMissing);
  const form = await api.send('/trpc/session.revokeAll', {
    method: 'POST',
    body: new URLSearchParams({ access_token: token }),
  });
  expect(form.status).toBe(415);
  expect((await me(api, token)).id).toBe(person.user.id);
});

test('J-29 no signature that is shorter, longer or made of special numbers', async () => {
  const input = token.slice(0, token.lastIndexOf('.'));
  const bytes = Buffer.from(signature, 'base64url');
  const order = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n;
  const s = BigInt(`0x${Buffer.from(bytes.subarray(32).toReversed()).toString('hex')}`);
  const twin = Buffer.from((s + order).toString(16).padStart(64, '0'), 'hex').toReversed();
  await assertRefused(
    answerTo,
    [
      ...range(64).map((length) => bytes.subarray(0, length)),
      Buffer.concat([bytes, Buffer.alloc(1)]),
      Buffer.concat([bytes, bytes]),
      Buffer.alloc(64),
      Buffer.alloc(64, 255),
      Buffer.concat([bytes.subarray(0, 32), twin]),
    ].map((each) => `${input}.${each.toString('base64url')}`),
  );
  await using ec = await startTarget({ signingAlgorithm: 'ES256' });
  const good = ec.victim.accessToken;
  const start = good.slice(0, good.lastIndexOf('.'));
  const n = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
  const r = Buffer.from(good.slice(start.length + 1), 'base64url').toString('hex', 0, 32);
  const signatures = [
    '0'.repeat(128),
    r + n,
    n + n,
    `${r}${'f'.repeat(64)}`,
    `${'0'.repeat(64)}${r}`,
  ];
  await assertRefused(
    async (forgery) => outcomeOf(await ec.api.query('user.me', { token: forgery })),
    signatures.map((hex) => `${start}.${Buffer.from(hex, 'hex').toString('base64url')}`),
  );
});

test('J-30 no token of another installation, by its key or by its names', async () => {
  await using other = await startTarget();
  const staging = { iss: 'https://staging.example', aud: 'https://staging.example' };
  await assertRefused(answerTo, [
    other.victim.accessToken,
    ...(await Promise.all([
      signed({ claims: staging }),
      signed({ claims: { iss: staging.iss } }),
      signed({ claims: { aud: staging.aud } }),
    ])),
  ]);
});

test('J-32 ten thousand issued tokens say nothing that they should not', async () => {
  const { accessTokens } = t.composition.accounts;
  const session = { userId: person.user.id, sessionId: String(claims['sid']), role: 'user' };
  const ids = new Set<unknown>();
  for (const _ of range(10_000)) {
    const { token: issued } = await accessTokens.issue(
      { ...session, version: 0, custom: {} },
      t.clock.now() + 86_400_000,
    );
    const { jti, exp = 0, iat = 0 } = decodeJwt(issued);
    if (exp - iat > 900) throw new Error(`A token lives ${exp - iat} s.`);
    ids.add(jti);
  }
  expect(ids.size).toBe(10_000);
  expect(header).toEqual({
    alg: 'EdDSA',
    typ: 'at+jwt',
    kid: expect.stringMatching(/^.{16}$/) as unknown,
  });
  expect(Object.keys(claims).toSorted()).toEqual([
    'aud',
    'exp',
    'iat',
    'iss',
    'jti',
    'role',
    'sid',
    'sub',
    'ver',
  ]);
  expect(Buffer.from(String(claims['jti']), 'base64url').length * 8).toBeGreaterThanOrEqual(128);
  expect(textOf(token, 1)).not.toMatch(/@|\$2[aby]\$|wire\.example/);
});

test('J-33 strings in the manner of Wycheproof (all 649: npm run test:fuzz)', async () => {
  const hs = (text: string) => mac('sha256', Buffer.alloc(32, 1), `${segment(text)}.${payload}`);
  await assertRefused(answerTo, [
    // The example of RFC 7515 A.1, the one without a signature of A.5, and their like.
    'eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
    'eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.',
    hs('{"alg":"HS256"}'),
    hs('{"alg":"HS256","typ":"JWT","typ":"JWT"}'),
    hs('{"typ":"JWT","alg":"HS256"}garbage'),
    hs(''),
    hs('[]'),
    '..',
    '...',
    '....',
    `.${payload}.`,
    `${token}.`,
    `${token}\u00a0`,
    token.replaceAll('.', '..'),
    token.replaceAll('-', '+').replaceAll('_', '/').concat('='),
  ]);
});

test('J-34 no character of a live token can be changed', async () => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const mutants = range(token.length).flatMap((at) =>
    [1, 21, 42].map((step) => {
      const character = alphabet[(alphabet.indexOf(token[at]!) + step) % 64]!;
      return token.slice(0, at) + character + token.slice(at + 1);
    }),
  );
  const answers = await inGroups(mutants, 50, answerTo);
  expect(answers).toHaveLength(token.length * 3);
  expect(new Set(answers)).toEqual(new Set([refusals.tokenInvalid]));
  expect(await answerTo(token)).toBe('answered');
});

test('J-35 the published keys are public, named, and kept no longer than a rotation allows', async () => {
  for (const signingAlgorithm of ['EdDSA', 'ES256', 'RS256', 'HS256'] as const) {
    await using kit = await createTestLatchkey({ signingAlgorithm });
    const wire = createApi((await kit.serve()).url);
    const answer = await wire.send('/.well-known/jwks.json');
    const { keys } = JSON.parse(answer.text) as { keys: Record<string, unknown>[] };
    expect(keys.length).toBe(signingAlgorithm === 'HS256' ? 0 : 2);
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(keys.length);
    for (const key of keys) {
      expect(key).toMatchObject({ use: 'sig', alg: signingAlgorithm });
      const members = ['kty', 'crv', 'x', 'y', 'n', 'e', 'use', 'alg', 'kid', 'key_ops'];
      expect(members).toEqual(expect.arrayContaining(Object.keys(key)));
      if (typeof key['n'] === 'string') {
        expect(Buffer.from(key['n'], 'base64url').length * 8).toBeGreaterThanOrEqual(2_048);
      }
    }
    // A next key is published before it signs, so that 300 seconds of keeping are never too long.
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300');
    const methods = ['POST', 'PUT', 'DELETE'].map((method) =>
      wire.send('/.well-known/jwks.json', { method }),
    );
    for (const refused of await Promise.all(methods)) expect(refused.status).toBe(405);
  }
});
