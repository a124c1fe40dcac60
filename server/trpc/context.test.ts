import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createClientIp } from '../http/client-ip.ts';
import { createRuntime } from '../runtime.ts';
import { createCallContext, type ContextSource } from './context.ts';
import { createRefreshCookie } from './refresh-cookie.ts';

const parts = {
  runtime: createRuntime(),
  cookie: createRefreshCookie('https://auth.example.com'),
  allowedOrigins: new Set(['https://app.example.com']),
  clientIp: createClientIp(['10.0.0.1']),
};

function contextOf(headers: Record<string, string>, rest: Partial<ContextSource> = {}) {
  return createCallContext(parts, { req: { headers }, ...rest });
}

const everything = {
  authorization: 'Bearer x',
  cookie: '__Host-latchkey=y',
  origin: 'https://app.example.com',
  'user-agent': 'curl/8',
  'x-latchkey-mode': 'cookie',
};

test.each([
  ['of node:http', { headers: everything }],
  ['of fetch', { headers: new Headers(everything) }],
])('headers %s say who sends a request', (_, req) => {
  expect(createCallContext(parts, { req })).toMatchObject({
    authorization: 'Bearer x',
    cookieToken: 'y',
    isCookieMode: true,
    isFromAllowedOrigin: true,
    origin: { ip: null, userAgent: 'curl/8' },
    paths: [],
    isStreamed: false,
    principal: null,
  });
});

test('a request without headers says nothing', () => {
  expect(contextOf({})).toMatchObject({
    authorization: null,
    cookieToken: null,
    isCookieMode: false,
    isFromAllowedOrigin: false,
    origin: { ip: null, userAgent: null },
  });
});

test('each request has an id of its own', () => {
  expect(contextOf({}).requestId).not.toBe(contextOf({}).requestId);
});

test.each([
  [{}, false],
  [{ origin: 'https://app.example.com' }, true],
  [{ origin: 'https://app.example.com', 'sec-fetch-site': 'same-site' }, true],
  [{ origin: 'https://app.example.com', 'sec-fetch-site': 'cross-site' }, false],
  [{ origin: 'https://evil.example' }, false],
  [{ origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' }, false],
  [{ origin: 'null' }, false],
  [{ origin: '' }, false],
  [{ 'sec-fetch-site': 'same-origin' }, false],
  [{ referer: 'https://app.example.com/' }, false],
])('a request with %j comes from an allowed page: %s', (headers, isAllowed) => {
  expect(contextOf(headers).isFromAllowedOrigin).toBe(isAllowed);
});

test.each(['Cookie', 'cookie, cookie', '1', ''])('%j does not ask for cookie mode', (mode) => {
  expect(contextOf({ 'x-latchkey-mode': mode }).isCookieMode).toBe(false);
});

test('the address is the socket’s, or the one that the host knows better', () => {
  const req = {
    headers: { 'x-forwarded-for': '198.51.100.1' },
    socket: { remoteAddress: '10.0.0.1' },
  };
  const ipOf = (source: ContextSource) => createCallContext(parts, source).origin.ip;
  expect(ipOf({ req: { ...req, headers: {} } })).toBe('10.0.0.1');
  expect(ipOf({ req })).toBe('198.51.100.1');
  expect(ipOf({ req, ip: '203.0.113.9' })).toBe('203.0.113.9');
  expect(ipOf({ req, ip: null })).toBeNull();
});

test('a long user agent is cut', () => {
  expect(contextOf({ 'user-agent': 'x'.repeat(10_000) }).origin.userAgent).toBe('x'.repeat(256));
});

test('a header that was sent twice is both', () => {
  const headers = { 'x-forwarded-for': ['198.51.100.7', '198.51.100.1'] };
  const source = { req: { headers, socket: { remoteAddress: '10.0.0.1' } } };
  expect(createCallContext(parts, source).origin.ip).toBe('198.51.100.1');
});

test('tRPC’s account of the request tells of a batch and of a stream', () => {
  const calls = [{ path: 'user.me' }, { path: 'auth.login' }];
  const info = { calls, accept: 'application/jsonl' };
  expect(contextOf({}, { info })).toMatchObject({
    paths: ['user.me', 'auth.login'],
    isStreamed: true,
  });
  expect(contextOf({}, { info: { calls, accept: null } }).isStreamed).toBe(false);
});

test('headers go where the adapter wants them', () => {
  const resHeaders = new Headers();
  const sent: string[] = [];
  const node = {
    headersSent: false,
    setHeader: (name: string, value: string) => sent.push(`set ${name}=${value}`),
    appendHeader: (name: string, value: string) => sent.push(`append ${name}=${value}`),
  };
  const fastify = { header: (name: string, value: string) => sent.push(`${name}=${value}`) };
  for (const target of [{ resHeaders }, { res: node }, { res: fastify }, {}]) {
    const context = contextOf({}, target);
    context.setHeader('a', '1');
    context.appendHeader('set-cookie', 'x');
    context.appendHeader('set-cookie', 'y');
  }
  expect(resHeaders.get('a')).toBe('1');
  expect(resHeaders.getSetCookie()).toEqual(['x', 'y']);
  expect(sent).toEqual([
    'set a=1',
    'append set-cookie=x',
    'append set-cookie=y',
    'a=1',
    'set-cookie=x',
    'set-cookie=y',
  ]);
});

test('headers that are too late are left', () => {
  const refuse = () => {
    throw new Error('ERR_HTTP_HEADERS_SENT');
  };
  const res = { headersSent: true, setHeader: refuse, appendHeader: refuse };
  const context = contextOf({}, { res });
  expect(() => context.setHeader('a', '1')).not.toThrow();
  expect(() => context.appendHeader('a', '1')).not.toThrow();
});

test('whatever the headers hold, a context is made', () => {
  const name = fc.constantFrom(
    'cookie',
    'authorization',
    'x-forwarded-for',
    'origin',
    'user-agent',
  );
  const value = fc.oneof(fc.string(), fc.array(fc.string()), fc.constant(undefined));
  fc.assert(
    fc.property(fc.dictionary(name, value), fc.string(), (headers, remoteAddress) => {
      const source = { req: { headers, socket: { remoteAddress } } };
      expect(createCallContext(parts, source).requestId).not.toBe('');
    }),
  );
});
