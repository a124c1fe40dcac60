import { gzipSync } from 'node:zlib';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';
import {
  createApi,
  goodPassword,
  refusalOf,
  refusals,
  register,
  signedInOf,
  userOf,
  whatWorks,
  type Answer,
  type SignedIn,
} from './api.ts';
import { exchange, requestText } from './raw-socket.ts';

const t = await createTestLatchkey();
const { url } = await t.serve();
const api = createApi(url);
afterAll(() => t.close());

const json = { 'content-type': 'application/json' };
const jsonLine = 'Content-Type: application/json';
const person = await register(api);
const credentials = JSON.stringify({ email: person.user.email, password: goodPassword });

function post(
  target: string,
  body: RequestInit['body'],
  headers: Readonly<Record<string, string>> = json,
): Promise<Answer> {
  return api.send(target, { method: 'POST', headers, body: body ?? null });
}

/** Refused at the edge: the answer has this status, and none of what a call answers. */
function seenAtEdge({ status, text }: Answer): { status: number; isAnswered: boolean } {
  return { status, isAnswered: /"result"|accessToken/.test(text) };
}

function refused(status: number): object {
  return { status, isAnswered: false };
}

describe('a batch', () => {
  let victim: SignedIn;
  beforeEach(async () => {
    victim = await register(api);
  });
  const bearer = () => ({ ...json, authorization: `Bearer ${victim.accessToken}` });

  test('of ten calls is answered', async () => {
    const paths = Array.from({ length: 10 }, () => 'user.me').join();
    const answer = await api.send(`/trpc/${paths}?batch=1`, { headers: bearer() });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toHaveLength(10);
  });

  test.each([11, 50, 1_000])('H-03: of %i calls is refused before any of them runs', async (n) => {
    const paths = Array.from({ length: n }, () => 'session.revokeAll').join();
    const answer = await post(`/trpc/${paths}?batch=1`, '{}', bearer());
    expect(seenAtEdge(answer)).toEqual(refused(n === 1_000 ? 431 : 400));
    expect(await whatWorks(api, victim)).toEqual({ me: true, refresh: true });
  });

  test('L-13: of two calls that check a credential is refused before any of them runs', async () => {
    const checking = [
      'auth.register',
      'auth.login',
      'auth.refresh',
      'user.changePassword',
      'user.delete',
    ];
    for (const one of checking) {
      for (const other of checking) {
        const input = {
          0: { refreshToken: victim.refreshToken, password: goodPassword },
          1: { email: victim.user.email, password: goodPassword },
        };
        const answer = await post(`/trpc/${one},${other}?batch=1`, JSON.stringify(input), bearer());
        expect(seenAtEdge(answer)).toEqual(refused(400));
      }
    }
    const among = `/trpc/auth.login,session.revokeAll,auth.login?batch=1`;
    const body = `{"0":${credentials},"2":${credentials}}`;
    expect(seenAtEdge(await post(among, body, bearer()))).toEqual(refused(400));
    expect(await whatWorks(api, victim)).toEqual({ me: true, refresh: true });
  });

  test('of one call that checks a credential among others is answered', async () => {
    const body = `{"0":{},"1":${credentials},"2":{}}`;
    const answer = await post('/trpc/auth.logout,auth.login,auth.logout?batch=1', body);
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toMatchObject([
      { result: { data: { revoked: false } } },
      { result: { data: { user: { id: person.user.id } } } },
      { result: { data: { revoked: false } } },
    ]);
  });

  test.each([
    '[]',
    '[{}]',
    '1',
    'null',
    '{"1":{}}',
    '{"00":{}}',
    '{"length":{}}',
    '{"__proto__":1}',
  ])('H-05: has its inputs by the places of its calls, not as %s', async (input) => {
    const answers = [
      await post('/trpc/session.revokeAll?batch=1', input, bearer()),
      await api.send(`/trpc/user.me?batch=1&input=${encodeURIComponent(input)}`, {
        headers: bearer(),
      }),
    ];
    for (const answer of answers) expect(seenAtEdge(answer)).toEqual(refused(400));
    expect(await whatWorks(api, victim)).toEqual({ me: true, refresh: true });
  });

  test.each([
    ['a comma without batch=1', 'auth.login,auth.login', 404],
    ['an escaped comma', 'auth.login%2Cauth.login?batch=1', 400],
    ['an escaped comma, other case', 'auth.login%2cauth.login', 404],
    ['batch=0 and batch=1', 'auth.login,auth.login?batch=0&batch=1', 400],
    ['batch=1 twice', 'auth.login,auth.login?batch=1&batch=1', 400],
    ['batch=true', 'auth.login,auth.login?batch=true', 400],
    ['batch=', 'auth.login,auth.login?batch=', 400],
    ['batch', 'auth.login,auth.login?batch', 400],
    ['batch=%31, an escaped 1', 'auth.login,auth.login?batch=%31', 400],
    ['b%61tch=1', 'auth.login,auth.login?b%61tch=1', 400],
    ['BATCH=1', 'auth.login,auth.login?BATCH=1', 404],
    ['batch[]=1', 'auth.login,auth.login?batch[]=1', 404],
    ['batch=1 in another parameter', 'auth.login,auth.login?x=%26batch=1', 404],
    ['batch=1 behind a fragment', 'auth.login,auth.login?x#&batch=1', 404],
    ['a semicolon', 'auth.login,auth.login?x=1;batch=1', 404],
    ['an empty call', 'auth.login,,auth.logout?batch=1', 400],
    ['a call at the end that is none', 'auth.login,?batch=1', 400],
    ['one that checks a credential twice, by spelling', 'auth.login,auth%2Elogin?batch=1', 400],
  ])('H-05: is not spelled with %s', async (_name, target, status) => {
    const answer = await exchange(
      url,
      requestText(`POST /trpc/${target}`, [jsonLine], `{"0":${credentials},"1":${credentials}}`),
    );
    expect(answer.text).not.toContain('accessToken');
    // Behind a fragment the request is none at all.
    expect(target.includes('#') ? [400, 404] : [status]).toContain(answer.statuses[0]);
  });

  test('H-04: of nothing but commas gets a short answer', async () => {
    for (const target of [
      `/trpc/${','.repeat(15_000)}?batch=1`,
      `/trpc/${','.repeat(9)}?batch=1`,
    ]) {
      const answer = await api.send(target);
      expect([400, 404]).toContain(answer.status);
      expect(answer.text.length).toBeLessThan(4_096);
    }
  });

  test.each([
    ['a list', '[{"email":"x"}]'],
    ['nothing', ''],
    ['null', 'null'],
    ['text', '"text"'],
    ['an index past the end', '{"7":{"email":"x"}}'],
    ['__proto__ as an index', `{"__proto__":${credentials}}`],
    ['constructor as an index', `{"constructor":${credentials}}`],
    ['-0 as an index', `{"-0":${credentials}}`],
    ['00 as an index', `{"00":${credentials}}`],
  ])('H-05: takes no input from %s', async (_name, body) => {
    const answer = await post('/trpc/auth.login?batch=1', body);
    expect(seenAtEdge(answer)).toEqual(refused(400));
    expect(answer.text).toContain('"reason":"invalid_input"');
  });

  test('of queries and mutations is refused whole', async () => {
    const answer = await post('/trpc/user.me,session.revokeAll?batch=1', '{}', bearer());
    expect(seenAtEdge(answer)).toEqual(refused(400));
    expect(await whatWorks(api, victim)).toEqual({ me: true, refresh: true });
  });

  test('H-38: is not streamed when it checks a credential', async () => {
    const headers = { ...json, 'trpc-accept': 'application/jsonl' };
    const answer = await post('/trpc/auth.login?batch=1', `{"0":${credentials}}`, headers);
    expect(answer.text).toContain('"reason":"invalid_input"');
    expect(answer.text).not.toContain('accessToken');
  });
});

describe('H-11: the content type', () => {
  test.each([
    'application/json',
    'application/json; charset=utf-8',
    'Application/JSON;charset=UTF-8',
  ])('%s is taken', async (type) => {
    const answer = await post('/trpc/auth.login', credentials, { 'content-type': type });
    expect(signedInOf(answer).user.id).toBe(person.user.id);
  });

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/octet-stream',
    'application/jsonx',
    'application/json-patch+json',
    'application/json, text/plain',
    'text/plain, application/json',
    'application/json; charset=utf-16',
    'application/json; charset=latin1',
    'application/json;x',
    'application/ json',
    'application/json\t; charset=utf-8',
    'application/x-json',
    'json',
    '*/*',
  ])('%s is refused, and no call runs, not even one without input', async (type) => {
    const victim = await register(api);
    const headers = { 'content-type': type, authorization: `Bearer ${victim.accessToken}` };
    for (const [path, body] of [
      ['auth.login', credentials],
      ['session.revokeAll', '{}'],
      ['session.revokeAll', ''],
    ] as const) {
      expect(seenAtEdge(await post(`/trpc/${path}`, body, headers))).toEqual(refused(415));
    }
    expect(await whatWorks(api, victim)).toEqual({ me: true, refresh: true });
  });

  test('none is refused', async () => {
    const bytes = requestText('POST /trpc/auth.login', [], credentials);
    expect((await exchange(url, bytes)).statuses).toEqual([415]);
  });

  test.each(['gzip', 'deflate', 'br', 'gzip, identity', 'x'])(
    'H-18: with the encoding %s is refused',
    async (encoding) => {
      const headers = { ...json, 'content-encoding': encoding };
      const answer = await post('/trpc/auth.login', gzipSync(credentials), headers);
      expect(seenAtEdge(answer)).toEqual(refused(415));
    },
  );
});

describe('H-01: the size', () => {
  const limit = 32 * 1_024;

  function ofBytes(size: number): string {
    return credentials + ' '.repeat(size - credentials.length);
  }

  test('32 KiB are taken, one byte more is not', async () => {
    expect((await post('/trpc/auth.login', ofBytes(limit))).status).toBe(200);
    expect(seenAtEdge(await post('/trpc/auth.login', ofBytes(limit + 1)))).toEqual(refused(413));
  });

  test.each([
    'auth.register',
    'auth.login',
    'auth.refresh',
    'auth.logout',
    'user.changePassword',
    'user.delete',
    'auth.login,user.update?batch=1',
    'auth.nothing',
  ])('over 32 KiB are refused for %s', async (path) => {
    for (const size of [limit + 1, 1_000_000]) {
      const answer = await post(`/trpc/${path}`, ' '.repeat(size));
      expect(seenAtEdge(answer)).toEqual(refused(413));
      expect(JSON.parse(answer.text)).toMatchObject({
        error: { data: { code: 'PAYLOAD_TOO_LARGE', httpStatus: 413, reason: 'invalid_input' } },
      });
    }
  });

  test('other calls have 1 MiB', async () => {
    const headers = { ...json, authorization: `Bearer ${person.accessToken}` };
    const name = ' '.repeat(900_000);
    expect((await post('/trpc/user.update', JSON.stringify({ name }), headers)).status).toBe(400);
    expect((await post('/trpc/user.update', ' '.repeat(1_048_577), headers)).status).toBe(413);
  });

  test('counts what arrives, whatever was announced', async () => {
    const chunk = (size: number) => `${size.toString(16)}\r\n${' '.repeat(size)}\r\n`;
    const chunked = (chunks: string) =>
      `POST /trpc/auth.login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${jsonLine}\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`;
    const within = await exchange(url, chunked(`${chunk(limit)}0\r\n\r\n`));
    expect(within.statuses).toEqual([400]);
    const over = await exchange(url, chunked(`${chunk(limit).repeat(20)}0\r\n\r\n`));
    expect(over.statuses).toEqual([413]);
    const announced = await exchange(
      url,
      `POST /trpc/auth.login HTTP/1.1\r\nHost: localhost\r\n${jsonLine}\r\nContent-Length: 99999999999\r\n\r\n`,
    );
    expect(announced.statuses[0]).toBe(413);
  });

  test('a client that streams too much gets the answer', async () => {
    for (let round = 0; round < 20; round += 1) {
      const pieces = Array.from({ length: 40 }, () => Buffer.alloc(4_096, 32));
      const response = await fetch(`${url}/trpc/auth.login`, {
        method: 'POST',
        headers: json,
        body: ReadableStream.from(pieces),
        duplex: 'half',
      });
      expect(response.status).toBe(413);
      await response.body?.cancel();
    }
  });
});

describe('H-16, H-17: the method', () => {
  const target = '/trpc/auth.login';

  test.each(['PUT', 'PATCH', 'DELETE', 'HEAD', 'TRACE', 'PROPFIND', 'QUERY'])(
    '%s is not allowed',
    async (method) => {
      for (const path of [target, '/trpc/user.me', '/health/live', '/.well-known/jwks.json']) {
        const answer = await exchange(url, requestText(`${method} ${path}`, [jsonLine]));
        const isRead = method === 'HEAD' && !path.startsWith('/trpc');
        expect(answer.statuses).toEqual([isRead ? 200 : 405]);
        const allowed = path.startsWith('/trpc') ? 'GET, POST' : 'GET, HEAD';
        expect(/^allow: (.*)\r$/m.exec(answer.text)?.[1]).toBe(isRead ? undefined : allowed);
        expect(answer.text).not.toMatch(/ {4}at |node_modules|\.ts:/);
      }
    },
  );

  test('a mutation is not called by GET, whatever else asks for it', async () => {
    const input = encodeURIComponent(credentials);
    for (const headers of [
      {},
      { 'x-http-method-override': 'POST' },
      { 'x-http-method': 'POST' },
      { 'x-method-override': 'POST' },
    ]) {
      const answer = await api.send(`${target}?input=${input}&_method=POST`, { headers });
      expect(seenAtEdge(answer)).toEqual(refused(405));
    }
  });

  test('OPTIONS answers 204 and runs nothing', async () => {
    for (const path of [target, '/trpc/user.me', '/trpc/nothing', '/health/live']) {
      const answer = await api.send(path, { method: 'OPTIONS' });
      expect({ status: answer.status, text: answer.text }).toEqual({ status: 204, text: '' });
    }
  });

  test('CONNECT and what is no method end the connection', async () => {
    const connect = await exchange(url, requestText('CONNECT evil.example:443'));
    expect(connect.text).toBe('');
    for (const method of ['FOO', 'get', 'G\u00cbT']) {
      expect((await exchange(url, requestText(`${method} ${target}`))).statuses).toEqual([400]);
    }
    expect((await api.send('/health/live')).status).toBe(200);
  });
});

describe('H-20, H-29: the path has one spelling', () => {
  test.each([
    '/trpc/auth%2Elogin',
    '/trpc/auth%2elogin',
    '/trpc/%61uth.login',
    '/trpc/auth.login%00',
    '/trpc/auth.login%20',
    '/trpc/auth.login%0d%0aSet-Cookie:x=y',
    '/trpc/auth.login/',
    '/trpc/auth.login//',
    '/trpc//auth.login',
    '//trpc/auth.login',
    '///trpc/auth.login',
    '//evil.example/trpc/auth.login',
    '//x/auth.login',
    '/trpc/./auth.login',
    '/./trpc/auth.login',
    '/trpc/../trpc/auth.login',
    '/trpc/%2e%2e/trpc/auth.login',
    '/trpc/..%2ftrpc/auth.login',
    '/x/../trpc/auth.login',
    '/trpc%2Fauth.login',
    '/%74rpc/auth.login',
    '/TRPC/auth.login',
    '/trpc/AUTH.LOGIN',
    '/trpc/auth.Login',
    '/trpc/auth/login',
    '/trpc/auth.login;x=y',
    '/trpc;x/auth.login',
    '/trpc\\auth.login',
    '/trpc/auth\\login',
    '/trpc/auth.login.json',
    '/trpc/.auth.login',
    '/trpc/auth..login',
    '/trpc/auth.login.',
    '/trpc/auth.login+',
    '/trpc/auth.login*',
    '/trpc/auth.login,',
    '/trpc/auth.log\u00efn',
    '/trpc/auth',
    '/trpc/',
    '/trpc',
    '/trpc?batch=1',
    '/auth.login',
    'http://evil.example/trpc/auth.login',
    'http://127.0.0.1/trpc/auth.login',
    'https://evil.example//trpc/auth.login',
    '/trpc/auth.login#x',
    '*',
    `/trpc/${'a'.repeat(513)}`,
    `/trpc/${'a.'.repeat(200)}a`,
  ])('%s answers 404', async (target) => {
    const answer = await exchange(url, requestText(`POST ${target}`, [jsonLine], credentials));
    expect(answer.text).not.toContain('accessToken');
    // What the parser of HTTP does not take for a target is none of ours either.
    expect([404, 400]).toContain(answer.statuses[0]);
    expect(answer.text.length).toBeLessThan(2_048);
  });

  test.each([
    '__proto__',
    'constructor',
    'prototype',
    'then',
    'toString',
    'hasOwnProperty',
    '_def',
    'createCaller',
    'auth',
    'auth.__proto__',
    'auth.constructor',
    'auth.login.call',
    'auth.login._def',
    '__proto__.auth.login',
    'user.then',
    '$',
    '-',
    'admin',
  ])('%s is no procedure', async (path) => {
    for (const answer of [
      await api.query(path),
      await api.mutate(path, { input: {} }),
      await api.send(`/trpc/${path}?batch=1`),
    ]) {
      expect(seenAtEdge(answer)).toEqual(refused(404));
      expect(answer.text).toContain('"reason":"not_found"');
      // H-36: what it repeats of the path is text in JSON, and no browser takes it for a page.
      expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    }
  });

  test('H-27: nothing is decided by Host or what a proxy would say', async () => {
    const answer = await exchange(
      url,
      [
        'POST /trpc/auth.login HTTP/1.1',
        'Host: evil.example',
        'X-Forwarded-Host: evil.example',
        'X-Forwarded-Proto: https',
        'X-Forwarded-Prefix: /evil',
        'Forwarded: host=evil.example',
        'X-Original-URL: /trpc/user.delete',
        'X-Rewrite-URL: /trpc/user.delete',
        'x-latchkey-mode: cookie',
        'Origin: http://evil.example',
        'Connection: close',
        jsonLine,
        `Content-Length: ${credentials.length}`,
        '',
        credentials,
      ].join('\r\n'),
    );
    expect(answer.statuses).toEqual([403]);
    expect(answer.text).not.toContain('evil');
  });
});

describe('H-31: a header that decides something', () => {
  test.each([
    ['Authorization', 'Bearer x'],
    ['Content-Type', 'application/json'],
    ['Origin', 'http://localhost:4000'],
    ['Cookie', 'latchkey=x'],
    ['x-latchkey-mode', 'cookie'],
  ])('%s is refused when it is sent twice', async (name, value) => {
    const twice = [jsonLine, `${name}: ${value}`, `${name.toLowerCase()}: ${value}`];
    const answer = await exchange(url, requestText('POST /trpc/auth.login', twice, credentials));
    expect(answer.statuses).toEqual([400]);
    expect(answer.text).not.toContain('accessToken');
  });

  test('H-19: may have any name, and that means nothing', async () => {
    const odd = ['__proto__: x', 'constructor: x', 'toString: x', 'hasOwnProperty: x'];
    const answer = await exchange(url, requestText('GET /trpc/user.me', odd));
    expect(answer.statuses).toEqual([401]);
    expect(answer.text).toContain('token_missing');
  });

  test('H-30: is bounded with its like', async () => {
    const large = requestText('GET /trpc/user.me', [`x: ${'x'.repeat(17_000)}`]);
    expect((await exchange(url, large)).statuses).toEqual([431]);
    const long = requestText(`GET /trpc/user.me?x=${'x'.repeat(17_000)}`);
    expect((await exchange(url, long)).statuses).toEqual([431]);
    const many = Array.from({ length: 300 }, (_, index) => `x-${index}: y`);
    const answer = await exchange(url, requestText('GET /trpc/user.me', many));
    expect([401, 431]).toContain(answer.statuses[0]);
  });
});

describe('H-28: framing that two readers could disagree on', () => {
  const line = 'POST /trpc/auth.login HTTP/1.1\r\nHost: localhost\r\n';
  const { length } = credentials;
  const chunked = `${length.toString(16)}\r\n${credentials}\r\n0\r\n\r\n`;

  test.each([
    [
      'both lengths',
      `${line}${jsonLine}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}`,
    ],
    [
      'two lengths',
      `${line}${jsonLine}\r\nContent-Length: ${length}\r\nContent-Length: 0\r\n\r\n${credentials}`,
    ],
    [
      'a list of lengths',
      `${line}${jsonLine}\r\nContent-Length: ${length}, ${length}\r\n\r\n${credentials}`,
    ],
    ['a signed length', `${line}${jsonLine}\r\nContent-Length: +${length}\r\n\r\n${credentials}`],
    ['an unknown coding', `${line}${jsonLine}\r\nTransfer-Encoding: xchunked\r\n\r\n${chunked}`],
    [
      'chunked not last',
      `${line}${jsonLine}\r\nTransfer-Encoding: chunked, gzip\r\n\r\n${chunked}`,
    ],
    [
      'a folded header',
      `${line}Content-Type:\r\n application/json\r\nContent-Length: ${length}\r\n\r\n${credentials}`,
    ],
    [
      'a space before the colon',
      `${line}Content-Type : application/json\r\nContent-Length: ${length}\r\n\r\n${credentials}`,
    ],
    [
      'a NUL in a header',
      `${line}${jsonLine}\r\nx: a\0b\r\nContent-Length: ${length}\r\n\r\n${credentials}`,
    ],
    [
      'no Host',
      `POST /trpc/auth.login HTTP/1.1\r\n${jsonLine}\r\nContent-Length: ${length}\r\n\r\n${credentials}`,
    ],
    [
      'a bad chunk length',
      `${line}${jsonLine}\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n${credentials}\r\n0\r\n\r\n`,
    ],
  ])('%s is refused', async (_name, text) => {
    const answer = await exchange(url, text);
    expect(answer.statuses[0]).toBe(400);
    expect(answer.text).not.toContain('accessToken');
  });

  test('H-09: many requests in one write are answered in their order', async () => {
    const one = (index: number) =>
      `GET /trpc/user.me${index % 2 === 0 ? '' : '.nothing'} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    const requests = Array.from({ length: 99 }, (_, index) => one(index)).join('');
    const last = 'GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
    const answer = await exchange(url, `${requests}${last}`);
    expect(answer.statuses).toEqual([
      ...Array.from({ length: 99 }, (_, index) => (index % 2 === 0 ? 401 : 404)),
      200,
    ]);
  });

  test('H-33: an upgrade that is not offered is not made', async () => {
    const answer = await exchange(
      url,
      [
        'GET /trpc/user.me HTTP/1.1',
        'Host: localhost',
        'Connection: Upgrade, close',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
        '\r\n',
      ].join('\r\n'),
    );
    expect(answer.statuses).toEqual([401]);
  });
});

describe('H-10: what is not JSON', () => {
  const utf16 = Buffer.from(credentials, 'utf16le');

  test.each([
    ['truncated', credentials.slice(0, -1)],
    ['two values', `${credentials}${credentials}`],
    ['a trailing comma', credentials.replace('}', ',}')],
    ['a comment', `/* x */${credentials}`],
    ['single quotes', credentials.replaceAll('"', "'")],
    ['NaN', '{"email":NaN,"password":"x"}'],
    ['Infinity', '{"email":Infinity,"password":"x"}'],
    ['a number with a leading zero', '{"email":01}'],
    ['a raw line feed in a string', '{"email":"a\nb"}'],
    ['a byte order mark', `\ufeff${credentials}`],
    ['UTF-16', utf16],
    ['UTF-16 with its mark', Buffer.concat([Buffer.of(0xff, 0xfe), utf16])],
    [
      'invalid UTF-8',
      Buffer.concat([Buffer.from('{"email":"'), Buffer.of(0xc3, 0x28), Buffer.from('"}')]),
    ],
    [
      'overlong UTF-8',
      Buffer.concat([Buffer.from('{"email":"'), Buffer.of(0xc0, 0xaf), Buffer.from('"}')]),
    ],
    [
      'a surrogate in UTF-8',
      Buffer.concat([Buffer.from('{"email":"'), Buffer.of(0xed, 0xa0, 0x80), Buffer.from('"}')]),
    ],
    ['text', 'password'],
    ['a form', 'email=a&password=b'],
    ['XML', '<x/>'],
    ['a NUL', '\0'],
  ])('%s is refused', async (_name, body) => {
    for (const target of ['/trpc/auth.login', '/trpc/auth.login?batch=1', '/trpc/auth.logout']) {
      const answer = await post(target, body);
      expect(seenAtEdge(answer)).toEqual(refused(400));
      expect(refusalOf(answer)).toBe(refusals.invalidInput);
    }
  });

  test.each(['{', '%7B%22a%22', 'x', '%ff', '[1,', '%00'])(
    'in a query, %s, is refused',
    async (input) => {
      const headers = { authorization: `Bearer ${person.accessToken}` };
      for (const target of [
        `/trpc/user.me?input=${input}`,
        `/trpc/user.me?batch=1&input=${input}`,
      ]) {
        expect(seenAtEdge(await api.send(target, { headers }))).toEqual(refused(400));
      }
    },
  );

  test('H-06: is not sent in two places', async () => {
    const headers = { authorization: `Bearer ${person.accessToken}` };
    const answer = await api.send('/trpc/user.me?input=%7B%7D&input=%7B%7D', { headers });
    expect(seenAtEdge(answer)).toEqual(refused(400));
    const both = await post(
      `/trpc/auth.login?input=${encodeURIComponent(credentials)}`,
      credentials,
    );
    expect(seenAtEdge(both)).toEqual(refused(400));
  });

  test('H-06: of two members of one name the last counts', async () => {
    const first = credentials.replace('{', '{"password":"wrong",');
    expect((await post('/trpc/auth.login', first)).status).toBe(200);
    const last = credentials.replace('}', ',"password":"wrong"}');
    expect(refusalOf(await post('/trpc/auth.login', last))).toBe(refusals.invalidCredentials);
  });

  test('nests no deeper than 32', async () => {
    const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    const objects = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
    for (const make of [nested, objects]) {
      // As deep as allowed it goes on to the schema, which has issues with it.
      expect((await post('/trpc/auth.login', make(32))).text).toContain('"code":"invalid_union"');
      for (const depth of [33, 1_000, 5_000]) {
        const answer = await post('/trpc/auth.login', make(depth));
        expect(seenAtEdge(answer)).toEqual(refused(400));
        expect(answer.text).toContain('at most 32 deep');
      }
    }
    expect((await post('/trpc/auth.login', `"${'['.repeat(1_000)}"`)).text).toContain(
      '"code":"invalid_union"',
    );
    const input = encodeURIComponent(nested(33));
    expect(seenAtEdge(await api.send(`/trpc/user.me?input=${input}`))).toEqual(refused(400));
  });

  test('H-22: is refused when it is wide, or its numbers are odd', async () => {
    const keys = (make: (index: number) => string) =>
      `{${Array.from({ length: 2_000 }, (_, index) => `"${make(index)}":1`).join()}}`;
    for (const body of [
      keys((index) => `k${index}`),
      keys(String),
      `[${'1,'.repeat(15_000)}1]`,
      '{"email":1e400,"password":-0}',
      `{"email":${'9'.repeat(30_000)}}`,
    ]) {
      expect(refusalOf(await post('/trpc/auth.login', body))).toBe(refusals.invalidInput);
    }
  });

  test('H-23: is refused soon, however it strains a pattern', async () => {
    for (const part of ['a', 'a.', 'a-', '@', 'a@', 'a@a.', ' ', '\u0130', '\u0344', '.@', '"@']) {
      const text = part.repeat(Math.floor(5_000 / Buffer.byteLength(part)));
      const body = JSON.stringify({ email: text, username: text, name: text, password: text });
      expect(refusalOf(await post('/trpc/auth.register', body))).toBe(refusals.invalidInput);
    }
  });
});

describe('H-32: what tRPC itself reads of a request', () => {
  test.each(['{bad', '[1]', '71077345', '"x-y-z"', '{"token":{}}', `{"x":"${'y'.repeat(5_000)}"`])(
    'connectionParams %s are refused, and not repeated',
    async (text) => {
      const answer = await api.send(`/trpc/user.me?connectionParams=${encodeURIComponent(text)}`);
      expect(seenAtEdge(answer)).toEqual(refused(400));
      expect(answer.text).toContain('"reason":"invalid_input"');
      expect(answer.text).not.toContain(text);
      expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    },
  );

  test('lastEventId and an event stream mean nothing', async () => {
    const headers = { accept: 'text/event-stream', 'last-event-id': 'x' };
    const answer = await api.send('/trpc/user.me?lastEventId=y', { headers });
    expect(refusalOf(answer)).toBe(refusals.tokenMissing);
  });
});

describe('every answer', () => {
  const answers = async (): Promise<Answer[]> => [
    await post('/trpc/auth.login', credentials),
    await api.query('user.me', { token: person.accessToken }),
    await api.query('session.list', { token: person.accessToken }),
    await api.query('user.me'),
    await api.send('/trpc/nothing'),
    await post('/trpc/auth.login', '{', { 'content-type': 'text/plain' }),
  ];

  test('H-34, H-35, H-40: is not stored, sniffed, framed or compressed, and says nothing of us', async () => {
    for (const { headers } of await answers()) {
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('content-encoding')).toBe(null);
      expect(headers.get('x-powered-by')).toBe(null);
      expect(headers.get('server')).toBe(null);
    }
  });

  test('afterwards an untouched user signs in, calls, refreshes and calls', async () => {
    const signedIn = signedInOf(await post('/trpc/auth.login', credentials));
    expect(userOf(await api.query('user.me', { token: signedIn.accessToken }))).toEqual(
      person.user,
    );
    expect(await whatWorks(api, signedIn)).toEqual({ me: true, refresh: true });
  });
});
