import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { initTRPC } from '@trpc/server';
import fc from 'fast-check';
import { afterAll, afterEach, expect, onTestFinished, test, vi } from 'vitest';
import type { LatchkeyContext } from '../../server/trpc/context.ts';
import {
  createApi,
  errorOf,
  goodPassword,
  me,
  refusals,
  register,
  signedInOf,
  valueOf,
  whatWorks,
  type Answer,
} from '../contract/api.ts';
import { holdLock } from '../contract/database-lock.ts';
import { procedures } from '../contract/procedures.ts';
import { exchange, requestText } from '../contract/raw-socket.ts';
import { createFolder, startProcess } from '../contract/server-process.ts';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';
import { lacks } from '../kit/mode.ts';
import { from, inGroups, login, outcomeOf, postTo, range, startTarget, tally } from './target.ts';

const target = await startTarget();
const { t, api, url } = target;
afterEach(() => target.assertUnharmed());
afterAll(() => t.close());

const person = await register(api);
const bearer = { authorization: `Bearer ${person.accessToken}` };
const credentials = JSON.stringify({ email: person.user.email, password: goodPassword });
const jsonLine = 'Content-Type: application/json';
const ownOrigin = 'http://localhost:4000';
const alive = { me: true, refresh: true };

/** A POST as text, without a length that is its own. */
function rawPost(path: string, headers: readonly string[], rest: string): string {
  return [
    `POST /trpc/${path} HTTP/1.1`,
    'Host: x',
    'Connection: close',
    jsonLine,
    ...headers,
    '',
    rest,
  ].join('\r\n');
}

/** Refused with this status, and nothing was answered. */
async function expectRefused(status: number, answers: Iterable<Promise<Answer>>): Promise<void> {
  for (const answer of await Promise.all(answers)) {
    expect([answer.status, answer.text]).toEqual([status, answer.text]);
    expect(answer.text).not.toMatch(/"result"|accessToken/);
  }
}

async function expectRawStatus(
  allowed: readonly number[],
  text: string | Uint8Array,
): Promise<void> {
  const answer = await exchange(url, text);
  expect(allowed).toContain(answer.statuses[0]);
  expect(answer.text).not.toContain('accessToken');
}

test('H-01 a body that is too large is refused, however its length is told, and read no further', async () => {
  const large = `{"email":"a@b.example","password":"${'x'.repeat(40_000)}"}`;
  expect((await postTo(api)('auth.login', large)).status).toBe(413);
  expect((await postTo(api)('auth.logout', ' '.repeat(33_000))).status).toBe(413);
  expect((await postTo(api)('user.me', 'x'.repeat(1_048_577))).status).toBe(413);
  const chunk = `${(16_384).toString(16)}\r\n${'x'.repeat(16_384)}\r\n`;
  await expectRawStatus(
    [413],
    rawPost('auth.login', ['Transfer-Encoding: chunked'], chunk.repeat(3)),
  );
  // It says more than it sends, and is not waited for.
  await expectRawStatus([413], rawPost('auth.login', ['Content-Length: 99999999'], '{'));
  // It says less: what follows is no request.
  const lying = rawPost('auth.logout', ['Content-Length: 2'], `{}${'x'.repeat(100)}`);
  expect((await exchange(url, lying)).text).not.toContain('accessToken');
});

test('H-03 a batch of more than ten calls is refused before any of them runs', async () => {
  for (const calls of [11, 50, 1_000]) {
    const path = Array.from({ length: calls }, () => 'session.revokeAll').join();
    await expectRefused(calls === 1_000 ? 431 : 400, [
      postTo(api)(`${path}?batch=1`, '{}', bearer),
    ]);
  }
  expect(
    await whatWorks(api, signedInOf(await login(api, JSON.parse(credentials) as object))),
  ).toEqual(alive);
});

test('H-04 commas alone make no long answer', async () => {
  for (const count of [1, 10, 15_000]) {
    const answer = await api.send(`/trpc/${','.repeat(count)}?batch=1`);
    expect([400, 404]).toContain(answer.status);
    expect(answer.text.length).toBeLessThan(4_096);
  }
});

test('H-05 a batch has one spelling', async () => {
  const two = 'auth.login,auth.login';
  const targets: readonly [string, number][] = [
    ['auth.login%2Cauth.login?batch=1', 400],
    [`${two}?batch=0&batch=1`, 400],
    [`${two}?batch=true`, 400],
    [`${two}?b%61tch=1`, 400],
    [two, 404],
    [`${two}?batch=1`, 400],
    ['auth.login,?batch=1', 400],
  ];
  for (const [path, status] of targets) {
    await expectRefused(status, [postTo(api)(path, `{"0":${credentials},"1":${credentials}}`)]);
  }
  for (const body of [
    '{"7":{}}',
    `{"__proto__":${credentials}}`,
    '[]',
    'null',
    '"x"',
    '{"length":9}',
  ]) {
    const answer = await postTo(api)('auth.login?batch=1', body);
    expect(answer.status).toBe(400);
    expect(answer.text).not.toContain('accessToken');
  }
});

test('H-06 an input stands in one place, and of two members of one name the last counts', async () => {
  const input = encodeURIComponent(credentials);
  await expectRefused(400, [
    postTo(api)(`auth.login?input=${input}`, credentials),
    api.send(`/trpc/user.me?input=1&input=2`, { headers: bearer }),
  ]);
  const first = credentials.replace('{', '{"password":"wrong one here",');
  const last = credentials.replace('}', ',"password":"wrong one here"}');
  expect(outcomeOf(await postTo(api)('auth.login', first))).toBe('answered');
  expect(outcomeOf(await postTo(api)('auth.login', last))).toBe(refusals.invalidCredentials);
});

/** A connection that has sent this and goes on to send nothing. */
async function dangle(text: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.on('error', () => {}).on('data', () => {});
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}

test('H-07 who sends too slowly is cut off, and others go on (2,000 sockets: npm run test:load)', async () => {
  const slow = await Promise.all(
    range(100).map((index) =>
      dangle(
        index % 2 === 0
          ? 'GET /trpc/user.me HTTP/1.1\r\nHost: x\r\nX-Slow: '
          : rawPost('auth.login', ['Content-Length: 100'], '{'),
      ),
    ),
  );
  expect((await me(api, person.accessToken)).id).toBe(person.user.id);
  // The server ends them: 10 s for the head, 15 s for all of a request.
  await Promise.all(slow.map((socket) => once(socket, 'close')));
});

test('H-08 who does not read, or closes one half, holds nobody up', async () => {
  const pipelined = `GET /trpc/session.list HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${person.accessToken}\r\n\r\n`;
  const unread = await Promise.all(range(20).map(() => dangle(pipelined.repeat(200))));
  for (const socket of unread) socket.pause();
  const half = await Promise.all(
    range(300).map(() => dangle('GET /trpc/user.me HTTP/1.1\r\nHost: x\r\n')),
  );
  const closed = half.map((socket) => once(socket, 'close'));
  for (const socket of half) socket.end();
  expect((await me(api, person.accessToken)).id).toBe(person.user.id);
  await Promise.all(closed);
  for (const socket of unread) socket.destroy();
});

test('H-09 a thousand requests in one write are answered in their order', async () => {
  const one = (index: number) =>
    `GET /trpc/user.me${index % 2 === 0 ? '' : '.x'} HTTP/1.1\r\nHost: x\r\n\r\n`;
  const last = 'GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
  const answer = await exchange(url, `${range(999).map(one).join('')}${last}`);
  expect(answer.statuses).toEqual([
    ...range(999).map((index) => (index % 2 === 0 ? 401 : 404)),
    200,
  ]);
});

test('H-10 what is not JSON in UTF-8 is refused, and no byte of it repeated', async () => {
  const bytes = (...parts: (string | number)[]) =>
    Buffer.concat(
      parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.of(part))),
    );
  const bodies = [
    credentials.slice(0, -1),
    credentials + credentials,
    credentials.replace('}', ',}'),
    credentials.replaceAll('"', "'"),
    `// xyzzy\n${credentials}`,
    '{"email":NaN}',
    '{"email":xyzzy}',
    '{"email":01}',
    '{"email":1.}',
    '{"email":.5}',
    '{"email":"a\nxyzzy"}',
    '{"email":"\\x41"}',
    '{"email":"\\u12"}',
    '[1',
    '"',
    'xyzzy',
    '\0',
    `\ufeff${credentials}`,
    Buffer.from(credentials, 'utf16le'),
    bytes('{"email":"', 0xff, '"}'),
    bytes('{"email":"', 0xed, 0xa0, 0x80, '"}'),
    bytes('{"email":"', 0xc0, 0xaf, '"}'),
  ];
  for (const body of bodies) {
    const answer = await postTo(api)('auth.login', new Uint8Array(Buffer.from(body)));
    expect(outcomeOf(answer)).toBe(refusals.invalidInput);
    expect(answer.text).not.toContain('xyzzy');
  }
});

test('H-11 no content type but application/json', async () => {
  const types = [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/octet-stream',
    'application/jsonx',
    'application/jsonl',
    'application/json, text/plain',
    'application/json; charset=utf-16',
    'application/json\t; charset=utf-8',
    'text/plain; application/json',
    'APPLICATION/JSON/',
    '',
  ];
  await expectRefused(
    415,
    types.flatMap((type) =>
      ['auth.login', 'session.revokeAll'].map((path) =>
        postTo(api)(path, credentials, { ...bearer, 'content-type': type }),
      ),
    ),
  );
  await expectRawStatus([415], requestText('POST /trpc/auth.login', [], credentials));
  await expectRawStatus(
    [400],
    requestText('POST /trpc/auth.login', [jsonLine, jsonLine], credentials),
  );
});

/** Where a request may come from, and whether that is a page of ours. */
const origins: readonly [Readonly<Record<string, string>>, boolean][] = [
  [{ origin: 'https://evil.example' }, false],
  [{ origin: 'null' }, false],
  [{}, false],
  [{ 'sec-fetch-site': 'none' }, false],
  [{ 'sec-fetch-site': 'same-origin' }, false],
  [{ origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' }, false],
  [{ origin: ownOrigin, 'sec-fetch-site': 'cross-site' }, false],
  [{ origin: `${ownOrigin}.evil.example` }, false],
  [{ origin: ownOrigin, 'sec-fetch-site': 'same-origin' }, true],
  [{ origin: ownOrigin }, true],
];

test('H-13 beside a cookie only a page of ours changes anything; bearer mode does not mind', async () => {
  const input = { name: 'Changed' };
  for (const [headers, isOurs] of origins) {
    const { refreshToken, accessToken: token } = await register(api);
    const cookie = `latchkey=${refreshToken}`;
    const inCookieMode = { cookie, 'x-latchkey-mode': 'cookie', ...headers };
    const outcome = isOurs ? 'answered' : refusals.forbidden;
    expect(outcomeOf(await api.mutate('auth.refresh', { input: {}, headers: inCookieMode }))).toBe(
      outcome,
    );
    const changed = await api.mutate('user.update', {
      token,
      input,
      headers: { cookie, ...headers },
    });
    expect(outcomeOf(changed)).toBe(outcome);
    const out = await api.mutate('auth.logout', { headers: inCookieMode });
    expect(outcomeOf(out)).toBe(outcome);
    expect(outcomeOf(await api.mutate('user.update', { token, input, headers }))).toBe(
      isOurs ? refusals.sessionRevoked : 'answered',
    );
    // What a form can send is refused before that.
    await expectRefused(
      415,
      ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'].map((type) =>
        postTo(api)('session.revokeAll', '{}', { ...headers, cookie, 'content-type': type }),
      ),
    );
  }
});

test('H-14 nobody is signed in to another’s account by a foreign page', async () => {
  for (const [headers, isOurs] of origins) {
    const answer = await postTo(api)('auth.login', credentials, {
      'x-latchkey-mode': 'cookie',
      ...headers,
    });
    expect(outcomeOf(answer)).toBe(isOurs ? 'answered' : refusals.forbidden);
    expect(answer.headers.getSetCookie()).toHaveLength(isOurs ? 1 : 0);
  }
});

test('H-15 no foreign origin is named in an answer, and * is no origin to allow', async () => {
  const foreign = [
    'https://evil.example',
    'null',
    `${ownOrigin}.evil.example`,
    `${ownOrigin}0`,
    'http://localhost',
    'https://localhost:4000',
    'http://evil.localhost:4000',
    `${ownOrigin}/`,
    'HTTP://LOCALHOST:4000',
    '*',
  ];
  for (const origin of foreign) {
    const preflight = { origin, 'access-control-request-method': 'POST' };
    for (const answer of [
      await api.send('/trpc/auth.login', { method: 'OPTIONS', headers: preflight }),
      await postTo(api)('auth.login', credentials, { origin }),
    ]) {
      expect(answer.headers.get('access-control-allow-origin')).toBe(null);
      expect(answer.headers.get('access-control-allow-credentials')).toBe(null);
      expect(answer.headers.get('vary')).toContain('Origin');
    }
  }
  const own = await postTo(api)('auth.login', credentials, { origin: ownOrigin });
  expect(own.headers.get('access-control-allow-origin')).toBe(ownOrigin);
  for (const origin of ['*', 'null', 'https://*.example', 'https://good.example/']) {
    await expect(createTestLatchkey({ allowedOrigins: [origin] })).rejects.toThrow(
      'allowedOrigins',
    );
  }
});

test('H-16 no other method makes a call, and none is overridden', async () => {
  const methods = ['PUT', 'PATCH', 'DELETE', 'HEAD'];
  const sent = methods.map((method) =>
    api.send('/trpc/session.revokeAll', { method, headers: bearer }),
  );
  for (const { status } of await Promise.all(sent)) expect(status).toBe(405);
  const headers = { ...bearer, 'x-http-method-override': 'POST', 'x-method-override': 'POST' };
  for (const query of ['', '?_method=POST', '?input=%7B%7D']) {
    await expectRefused(405, [api.send(`/trpc/session.revokeAll${query}`, { headers })]);
  }
  expect(
    (await postTo(api)('user.me', '', { ...bearer, 'x-http-method-override': 'GET' })).status,
  ).toBe(405);
  expect((await me(api, person.accessToken)).id).toBe(person.user.id);
});

test('H-17 HEAD, OPTIONS, TRACE, CONNECT and unknown verbs break nothing', async () => {
  for (const path of ['/trpc/user.me', '/', '/health/live', '*']) {
    for (const verb of ['OPTIONS', 'TRACE', 'HEAD', 'PROPFIND', 'LINK']) {
      const answer = await exchange(url, requestText(`${verb} ${path}`));
      expect([200, 204, 404, 405, 400]).toContain(answer.statuses[0]);
      expect(answer.text).not.toMatch(/node_modules|\bat .*\.ts/);
    }
  }
  await expectRawStatus([400], requestText('XYZZY /trpc/user.me'));
  const tunnel = await exchange(url, requestText('CONNECT evil.example:80'));
  expect(tunnel.text).not.toContain('200');
});

test('H-18 nothing that is compressed is unpacked', async () => {
  const bomb = Buffer.from(`{"a":"${' '.repeat(2_000_000)}"}`);
  const packed = { gzip: gzipSync(bomb), deflate: deflateSync(bomb), br: brotliCompressSync(bomb) };
  for (const [encoding, body] of Object.entries(packed)) {
    const headers = { 'content-encoding': encoding };
    await expectRefused(415, [postTo(api)('auth.login', new Uint8Array(body), headers)]);
  }
  const headers = { 'content-encoding': 'identity, gzip' };
  await expectRefused(415, [postTo(api)('auth.login', credentials, headers)]);
});

test('H-19 members of every object open no door, wherever they are named', async () => {
  const keys = ['__proto__', 'constructor', 'prototype', 'toString', 'a[__proto__][x]'];
  for (const key of keys) {
    const nested = `{"${key}":{"prototype":{"role":"admin"},"user":{"id":1}}}`;
    expect((await postTo(api)('auth.login', nested)).status).toBe(400);
    expect((await postTo(api)('user.update', nested, bearer)).status).toBe(400);
    expect((await postTo(api)('user.update?batch=1', nested, bearer)).status).toBe(400);
    expect((await api.send(`/trpc/${encodeURIComponent(key)}`)).status).toBe(404);
    expect(outcomeOf(await api.send(`/trpc/user.me?${key}=x`))).toBe(refusals.tokenMissing);
    const cookie = `${key}=x; latchkey[${key}]=y`;
    expect(outcomeOf(await api.query('user.me', { headers: { cookie } }))).toBe(
      refusals.tokenMissing,
    );
  }
  const named = requestText('GET /trpc/user.me', ['__proto__: x', 'constructor: x', 'toString: x']);
  expect((await exchange(url, named)).statuses).toEqual([401]);
  expect(await me(api, person.accessToken)).toEqual({ ...person.user });
  expect(outcomeOf(await api.query('user.me'))).toBe(refusals.tokenMissing);
});

test('H-20 no odd path is a procedure', async () => {
  const paths = [
    '__proto__',
    'constructor',
    'then',
    'toString',
    '',
    'auth',
    'auth.__proto__',
    'auth.login.call',
    '_def.procedures',
    'createCaller',
    '..%2fauth.login',
    'a\u00fcth.login',
    'auth.login\u200b',
    'a'.repeat(10_000),
  ];
  for (const path of paths) {
    const answer = await postTo(api)(encodeURI(path), credentials);
    expect(answer.status).toBe(404);
    expect(answer.text.length).toBeLessThan(2_048);
  }
  await expectRawStatus([431], requestText(`GET /trpc/${'a'.repeat(17_000)}`));
});

test('H-22 wide and odd JSON is refused', async () => {
  const keys = (make: (index: number) => string | number) =>
    `{${range(1_500)
      .map((index) => `"${make(index)}":1`)
      .join()}}`;
  for (const body of [
    keys((index) => `key${index}`),
    keys((index) => index * 65_536),
    `[${'1,'.repeat(15_000)}1]`,
    '{"email":1e400,"password":-0}',
    `{"email":${'9'.repeat(30)},"password":${'9'.repeat(30)}}`,
    `${'['.repeat(10_000)}${']'.repeat(10_000)}`,
  ]) {
    expect(outcomeOf(await postTo(api)('auth.login', body))).toBe(refusals.invalidInput);
  }
  const wide = `[${'1,'.repeat(1_000_000)}1]`;
  expect((await postTo(api)('auth.login', wide)).status).toBe(413);
  expect((await postTo(api)('user.update', wide, bearer)).status).toBe(413);
});

test('H-23 no text strains a pattern', async () => {
  for (const part of ['a', 'a.', 'a-', '@', 'a@', 'a@a.', '.@', ' ', '\t', '-', '\u0344', '"@']) {
    const text = part.repeat(Math.floor(3_000 / Buffer.byteLength(part)));
    for (const input of [{ email: text, username: text, name: text, password: text }, text]) {
      expect(outcomeOf(await api.mutate('auth.register', { input }))).toBe(refusals.invalidInput);
    }
    const inUserUpdate = { token: person.accessToken, input: { name: part.repeat(100_000) } };
    expect(outcomeOf(await api.mutate('user.update', inUserUpdate))).toBe(refusals.invalidInput);
  }
});

test('H-24 no stack, path or statement is in any answer, whatever NODE_ENV says', async () => {
  await using kit = await createTestLatchkey();
  const host = initTRPC
    .context<LatchkeyContext>()
    .create({ errorFormatter: kit.latchkey.errorFormatter });
  const fail = () => {
    throw Object.assign(new Error('SELECT secret FROM users -- /srv/app/node_modules/x.js'), {
      code: 'SQLITE_X',
    });
  };
  const router = host.router({
    ...kit.latchkey.routers,
    plain: host.procedure.query(fail),
    ours: host.procedure.concat(kit.latchkey.publicProcedure).query(fail),
  });
  const inner = createApi(
    (await kit.serve({ router, createContext: kit.latchkey.createContext })).url,
  );
  const expectClean = ({ text, status }: Answer) => {
    expect(status).toBeGreaterThanOrEqual(400);
    expect(text).not.toMatch(/"stack"|node_modules|\/srv\/|SELECT|SQLITE|\.ts:|file:\/\//);
  };
  for (const path of ['plain', 'ours']) {
    const answer = await inner.query(path);
    expectClean(answer);
    expect(errorOf(answer)).toMatchObject({
      data: { reason: 'internal', requestId: expect.any(String) as unknown },
    });
  }
  const modes = [undefined, 'development', 'test'].map(async (mode) => {
    await using folder = await createFolder();
    const variables = {
      DATABASE_URL: `file:${join(folder.path, 'a.db')}`,
      ...(mode === undefined ? {} : { NODE_ENV: mode }),
    };
    await using server = startProcess(variables);
    const wire = createApi(await server.ready);
    for (const answer of [
      await wire.query('user.me'),
      await wire.query('nothing'),
      await postTo(wire)('auth.login', '{'),
      await postTo(wire)('auth.login', '{"email":1}'),
      await wire.send('/trpc/user.me?connectionParams=%7B'),
      await wire.send('/trpc/auth.login'),
    ]) {
      expectClean(answer);
    }
  });
  await Promise.all(modes);
});

test('H-25 a locked database is 503 in constant words, and a unique row taken is 409', async () => {
  await using folder = await createFolder();
  const path = join(folder.path, 'a.db');
  await using other = await startTarget({ database: `file:${path}` });
  const lock = await holdLock(path);
  const answer = await other.api.mutate('auth.register', {
    input: { email: 'locked@http.example', password: goodPassword },
  });
  expect(outcomeOf(answer)).toBe('503 SERVICE_UNAVAILABLE overloaded');
  expect(answer.headers.get('retry-after')).toBe('1');
  expect(answer.text).not.toMatch(/SQLITE|locked|database/i);
  await lock.release();
  const input = { email: other.victim.user.email, password: goodPassword };
  expect(outcomeOf(await other.api.mutate('auth.register', { input }))).toBe(refusals.emailTaken);
  await other.assertUnharmed();
});

test('H-26 no header is made of what a request says', async () => {
  const injected = '%0d%0aSet-Cookie:%20xyzzy=1';
  for (const path of [
    `user.me${injected}`,
    `user.me?x=${injected}`,
    `user.me?input=${injected}`,
    `user.me?connectionParams=${injected}`,
  ]) {
    const answer = await api.send(`/trpc/${path}`, { headers: { origin: `http://x/${injected}` } });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect([...answer.headers].flat().join('\n')).not.toContain('xyzzy');
  }
  for (const line of ['X: a\nSet-Cookie: xyzzy=1', 'X: a\rSet-Cookie: xyzzy=1', 'X: a\0b']) {
    const answer = await exchange(url, requestText('GET /trpc/user.me', [line]));
    expect(answer.text).not.toMatch(/^set-cookie/im);
  }
});

test('H-27 nothing is decided by Host or by what a proxy would say', async () => {
  const poison = [
    'X-Forwarded-Host: evil.example',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Prefix: /evil',
    'Forwarded: host=evil.example;proto=https',
    'X-Original-URL: /trpc/user.delete',
  ];
  const fromEvil = (line: string, more: readonly string[], body = '') =>
    exchange(
      url,
      [
        `${line} HTTP/1.1`,
        'Host: evil.example',
        'Connection: close',
        ...poison,
        ...more,
        `Content-Length: ${body.length}`,
        '',
        body,
      ].join('\r\n'),
    );
  const metadata = await fromEvil('GET /.well-known/oauth-authorization-server', []);
  expect(metadata.text).toContain(ownOrigin);
  expect(metadata.text).not.toContain('evil');
  const cookieMode = [jsonLine, 'x-latchkey-mode: cookie', 'Origin: http://evil.example'];
  const asEvil = await fromEvil('POST /trpc/auth.login', cookieMode, credentials);
  expect(asEvil.statuses).toEqual([403]);
  const ours = [jsonLine, 'x-latchkey-mode: cookie', `Origin: ${ownOrigin}`];
  const asOurs = await fromEvil('POST /trpc/auth.login', ours, credentials);
  expect(asOurs.statuses).toEqual([200]);
  // Plain http, whatever a stranger says of the scheme: the name without a prefix, no Secure.
  expect(asOurs.text).toMatch(/^set-cookie: latchkey=(?!.*(Secure|Domain))/im);
});

test('H-28 framing that two readers could disagree on is refused', async () => {
  const { length } = credentials;
  const chunked = `${length.toString(16)}\r\n${credentials}\r\n0\r\n\r\n`;
  const start = `POST /trpc/auth.login HTTP/1.1\r\nHost: x\r\n${jsonLine}\r\n`;
  const bodies = [
    `Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}`,
    `Content-Length: ${length}\r\nContent-Length: 0\r\n\r\n${credentials}`,
    `Content-Length: ${length}, ${length}\r\n\r\n${credentials}`,
    `Content-Length: +${length}\r\n\r\n${credentials}`,
    `Transfer-Encoding: xchunked\r\n\r\n${chunked}`,
    `Transfer-Encoding: chunked, identity\r\n\r\n${chunked}`,
    `Transfer-Encoding : chunked\r\n\r\n${chunked}`,
    `X: a\r\n b\r\nContent-Length: ${length}\r\n\r\n${credentials}`,
    `Transfer-Encoding: chunked\r\n\r\nxyz\r\n${credentials}\r\n0\r\n\r\n`,
    `Transfer-Encoding: chunked\r\n\r\n${length.toString(16)}\n${credentials}\n0\n\n`,
  ];
  for (const body of bodies) {
    const answer = await exchange(url, `${start}${body}`);
    expect([body, answer.statuses]).toEqual([body, [400]]);
    expect(answer.text).not.toContain('accessToken');
  }
});

test('H-29 a path has one spelling', async () => {
  const targets = [
    '//evil.example/trpc/auth.login',
    '//trpc/auth.login',
    'http://evil.example/trpc/auth.login',
    `${url}/trpc/auth.login`,
    '/./trpc/auth.login',
    '/trpc/./auth.login',
    '/trpc/../trpc/auth.login',
    '/trpc/%2e%2e/trpc/auth.login',
    '/trpc/%61uth.login',
    '/trpc/auth%2Elogin',
    '/trpc/auth.login/',
    '/trpc/auth.login;x=y',
    '/trpc;x/auth.login',
    '/trpc/auth.login%00',
    '/trpc\\auth.login',
    '/TRPC/auth.login',
    '/trpc//auth.login',
    '/trpc/auth.login#x',
    '/trpc/auth/login',
  ];
  for (const path of targets) {
    await expectRawStatus([404, 400], requestText(`POST ${path}`, [jsonLine], credentials));
  }
});

test('H-30 headers and addresses are bounded', async () => {
  await expectRawStatus([431], requestText('GET /trpc/user.me', [`X: ${'x'.repeat(65_536)}`]));
  await expectRawStatus([431], requestText(`GET /trpc/user.me?x=${'x'.repeat(17_000)}`));
  await expectRawStatus(
    [401, 431],
    requestText(
      'GET /trpc/user.me',
      range(300).map((index) => `X-${index}: y`),
    ),
  );
  await expectRawStatus(
    [401, 431],
    requestText(
      'GET /trpc/user.me',
      range(3_000).map((index) => `X${index}: y`),
    ),
  );
});

test('H-31 a header that decides something is there once; of two cookies of a name the first counts', async () => {
  const authorization = `Authorization: Bearer ${person.accessToken}`;
  for (const lines of [
    [authorization, 'Authorization: Bearer x'],
    ['Cookie: a=b', 'Cookie: c=d'],
    [`Origin: ${ownOrigin}`, 'Origin: http://evil.example'],
  ]) {
    await expectRawStatus([400], requestText('GET /trpc/user.me', lines));
  }
  const [one, two] = [await register(api), await register(api)];
  const headers = {
    cookie: `latchkey=${one.refreshToken}; latchkey=${two.refreshToken}`,
    origin: ownOrigin,
    'x-latchkey-mode': 'cookie',
  };
  const answer = await api.mutate('auth.refresh', { input: {}, headers });
  expect(answer.text).toContain(one.user.id);
  expect(await whatWorks(api, two)).toEqual(alive);
  const bomb = requestText('GET /trpc/user.me', [`Cookie: ${'a=b; '.repeat(4_000)}`]);
  await expectRawStatus([431], bomb);
});

test('H-32 connectionParams and lastEventId carry nothing', async () => {
  const parameters = ['{bad', '[1]', '1', '"x"', '{"token":{}}', `{"x":"${'y'.repeat(5_000)}`];
  for (const text of parameters) {
    const query = `connectionParams=${encodeURIComponent(text)}`;
    const answer = await api.send(`/trpc/user.me?${query}`);
    expect(answer.status).toBe(400);
    expect(answer.text).not.toContain(text);
  }
  const credential = encodeURIComponent(JSON.stringify({ authorization: bearer.authorization }));
  const answer = await api.send(`/trpc/user.me?connectionParams=${credential}&lastEventId=x`);
  expect(outcomeOf(answer)).toBe(refusals.tokenMissing);
});

test('H-33 no socket is upgraded and no event stream is served', async () => {
  const upgrade = [
    'GET /trpc HTTP/1.1',
    'Host: x',
    'Connection: Upgrade, close',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ];
  const answer = await exchange(url, `${upgrade.join('\r\n')}\r\n\r\n`);
  expect([400, 404, 426]).toContain(answer.statuses[0]);
  const stream = await api.query('user.me', {
    headers: { ...bearer, accept: 'text/event-stream' },
  });
  expect(stream.headers.get('content-type')).toContain('application/json');
  // At run time tRPC keeps them side by side, under their whole paths.
  const served = t.latchkey.appRouter._def.procedures as unknown as Readonly<
    Record<string, { _def: { type: string } }>
  >;
  const types = Object.values(served).map(({ _def }) => _def.type);
  expect(types).not.toContain('subscription');
});

/** Answers of each kind: good, refused, unknown. */
async function answersOfEachKind(): Promise<Answer[]> {
  return [
    await postTo(api)('auth.login', credentials),
    await api.query('user.me', { headers: bearer }),
    await api.query('session.list', { headers: bearer }),
    await api.query('user.me'),
    await api.query('nothing'),
    await postTo(api)('auth.login', '{'),
  ];
}

test('H-34 nothing of a person is stored on the way', async () => {
  for (const { headers } of await answersOfEachKind()) {
    expect(headers.get('cache-control')).toBe('no-store');
  }
});

test('H-35 every answer says what it is, and nothing of what serves it', async () => {
  for (const { headers } of await answersOfEachKind()) {
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    for (const name of ['x-powered-by', 'server', 'via']) expect(headers.get(name)).toBe(null);
  }
  await using secure = await startTarget({ url: 'https://auth.attacks.example' });
  const { headers } = await secure.api.query('user.me');
  expect(headers.get('strict-transport-security')).toMatch(/max-age=\d{8}/);
});

test('H-36 what an error repeats of a path is short, and no page', async () => {
  const script = '<script>alert(1)</script>';
  for (const path of [
    script,
    encodeURIComponent(script),
    'a'.repeat(400),
    `x?input=${encodeURIComponent(script)}`,
  ]) {
    const answer = await api.send(`/trpc/${path}`, { headers: { accept: 'text/html' } });
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.text).not.toContain('<script');
    expect(answer.text.length).toBeLessThan(1_024);
  }
});

test.skipIf(lacks('a clock of the limits that is turned'))(
  'H-37 Retry-After is whole, falls, and is true',
  async () => {
    // The limiter keeps time by the process's own clock.
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    await using other = await startTarget({ rateLimits: true, trustedProxies: ['127.0.0.1'] });
    let account = 0;
    const attempt = () =>
      login(
        other.api,
        { email: `person-${(account += 1)}@http.example`, password: 'wrong one here' },
        from('198.51.100.1'),
      );
    for (const _minute of range(10)) {
      expect(tally((await inGroups(range(10), 10, attempt)).map(outcomeOf))).toEqual({
        [refusals.invalidCredentials]: 10,
      });
      let wait = 60;
      for (const _ of range(3)) {
        const refused = await attempt();
        const header = refused.headers.get('retry-after') ?? '';
        expect(header).toMatch(/^[1-9]\d*$/);
        expect(Number(header)).toBe(errorOf(refused).data.retryAfter);
        expect(Number(header)).toBeLessThanOrEqual(wait);
        wait = Number(header) - 10;
        vi.advanceTimersByTime(10_000);
      }
      vi.advanceTimersByTime(wait * 1_000);
    }
  },
);

test('H-38 a stream of answers hides no sign-in: it is refused before anything is looked at', async () => {
  const headers = { accept: 'application/jsonl', 'trpc-accept': 'application/jsonl' };
  for (const path of ['auth.login', 'auth.register', 'auth.refresh']) {
    const answer = await postTo(api)(`${path}?batch=1`, `{"0":${credentials}}`, headers);
    expect(answer.text).not.toContain('accessToken');
    expect(answer.text).toContain('invalid_input');
  }
  const many = Array.from({ length: 10 }, () => 'auth.login').join();
  await expectRefused(400, [postTo(api)(`${many}?batch=1`, `{"0":${credentials}}`, headers)]);
});

test('H-40 no answer is compressed', async () => {
  const headers = { 'accept-encoding': 'gzip, deflate, br, zstd', ...bearer };
  for (const answer of [
    await postTo(api)('auth.login', credentials, headers),
    await api.query('user.me', { headers }),
  ]) {
    expect(answer.headers.get('content-encoding')).toBe(null);
  }
});

test('H-41 does not apply: no input is an address to go on to, and no answer redirects', async () => {
  const place = encodeURIComponent('https://evil.example');
  for (const name of ['redirectTo', 'redirect_uri', 'next', 'returnTo', 'callbackUrl']) {
    const query = await api.send(`/trpc/user.me?${name}=${place}`, { headers: bearer });
    expect([query.status, query.headers.get('location')]).toEqual([200, null]);
    const body = { ...(JSON.parse(credentials) as object), [name]: 'https://evil.example' };
    expect(outcomeOf(await login(api, body))).toBe(refusals.invalidInput);
  }
});

test('H-42 unknown keys are refused by every procedure that takes an input', async () => {
  const admin = await t.signInAs({ role: 'admin' });
  for (const { path, kind } of procedures) {
    const options = { token: admin.accessToken, input: { xyzzy: true } };
    const isWithoutInput = [
      'user.me',
      'session.list',
      'session.revokeOthers',
      'session.revokeAll',
      'admin.rotateKeys',
      'admin.listKeys',
    ].includes(path);
    if (isWithoutInput) continue;
    const answer =
      kind === 'query' ? await api.query(path, options) : await api.mutate(path, options);
    expect([path, outcomeOf(answer)]).toEqual([path, refusals.invalidInput]);
  }
});

test('H-43 no page of metrics, documentation or debugging is open', async () => {
  for (const path of [
    '/metrics',
    '/panel',
    '/debug',
    '/.env',
    '/.git/config',
    '/package.json',
    '/data/latchkey.db',
    '/trpc-panel',
    '/graphql',
    '/debug/pprof',
    '/..%2f..%2fetc/passwd',
  ]) {
    const { status, text } = await api.send(path);
    expect([path, status]).toEqual([path, 404]);
    expect(text.length).toBeLessThan(100);
  }
  // The API page is meant to be there, with what everybody can read in the source; what a host
  // has is not told in production.
  await using host = await createTestLatchkey({
    production: true,
    rateLimits: true,
    bcryptCost: 10,
    url: 'https://host.example',
    secret: randomBytes(32).toString('base64url'),
  });
  const { appRouter: router, createContext, fetchHandler } = host.latchkey;
  for (const path of ['/docs', '/openapi.json', '/']) {
    const request = new Request(`https://host.example${path}`);
    expect((await fetchHandler({ router, createContext })(request)).status).toBe(404);
  }
});

const words = fc.constantFrom(
  ...procedures.map(({ path }) => path),
  '__proto__',
  'batch=1',
  ',',
  '?',
  '%2C',
  '{"0":',
  '}',
  '[',
  ']',
  'null',
  '"',
  '\0',
  '\ud800',
  'input=',
  '&',
  '../',
);
const soup = fc
  .array(fc.oneof(words, fc.string()), { maxLength: 6 })
  .map((parts) => parts.join(''));
const requests = fc.record({
  path: fc.oneof(words, soup),
  query: fc.option(soup, { nil: '' }),
  isPost: fc.boolean(),
  body: fc.oneof(soup, fc.json()),
  type: fc.constantFrom('application/json', 'text/plain', 'application/jsonl'),
  isSignedIn: fc.boolean(),
});

test('H-44 six hundred random requests break nothing (100,000: npm run test:fuzz)', async () => {
  await fc.assert(
    fc.asyncProperty(requests, async ({ path, query, isPost, body, type, isSignedIn }) => {
      const target_ = `/trpc/${encodeURI(path.toWellFormed())}${query === '' ? '' : `?${encodeURI(query.toWellFormed())}`}`;
      const { status, text } = await api.send(target_, {
        method: isPost ? 'POST' : 'GET',
        headers: {
          'content-type': type,
          ...(isSignedIn ? { authorization: `Bearer ${target.victim.accessToken}x` } : {}),
        },
        ...(isPost ? { body } : {}),
      });
      expect(status < 500 || status === 503).toBe(true);
      expect(text).not.toMatch(/node_modules|"stack"|SQLITE/);
    }),
    { numRuns: 600 },
  );
  valueOf(await api.query('user.me', { headers: bearer }));
});
