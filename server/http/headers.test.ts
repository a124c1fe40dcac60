import { expect, test } from 'vitest';
import { corsHeadersFor, preflightHeaders, securityHeaders } from './headers.ts';

const allowed = new Set(['https://app.example.com', 'http://localhost:5173']);

test('answers are for whoever asked, and no page', () => {
  expect(Object.fromEntries(securityHeaders('http://localhost:4000'))).toEqual({
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  });
});

test('a server on https says to stay there, for two years', () => {
  const headers = securityHeaders('https://auth.example.com');
  expect(headers.get('strict-transport-security')).toBe('max-age=63072000; includeSubDomains');
});

test.each([...allowed])('a page of %s may read the answer', (origin) => {
  expect(Object.fromEntries(corsHeadersFor([origin], allowed))).toEqual({
    vary: 'Origin',
    'access-control-allow-origin': origin,
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': 'retry-after, x-request-id',
  });
});

test.each([
  [[]],
  [['']],
  [['null']],
  [['*']],
  [['https://evil.example']],
  [['https://app.example.com.evil.example']],
  [['https://app.example.com/']],
  [['HTTPS://APP.EXAMPLE.COM']],
  [['http://app.example.com']],
  [['https://app.example.com:8443']],
  [['https://app.example.com, https://evil.example']],
  [['https://app.example.com', 'https://app.example.com']],
])('a page of %j may not, and caches are told that it depends', (origins) => {
  expect(Object.fromEntries(corsHeadersFor(origins, allowed))).toEqual({ vary: 'Origin' });
});

test('a preflight names what a client sends, and never a wildcard', () => {
  expect(preflightHeaders['access-control-allow-headers'].split(', ')).toEqual(
    expect.arrayContaining(['authorization', 'content-type', 'trpc-accept', 'x-latchkey-mode']),
  );
  expect(Object.values(preflightHeaders).join()).not.toContain('*');
});
