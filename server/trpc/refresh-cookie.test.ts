import { expect, test } from 'vitest';
import { createRefreshCookie } from './refresh-cookie.ts';

const secure = createRefreshCookie('https://auth.example.com');
const local = createRefreshCookie('http://localhost:4000');
const token = 'AQ-_'.repeat(18);

function attributesOf(cookie: string): string[] {
  return cookie.split('; ').slice(1).toSorted();
}

test('on https the cookie is for this host alone, and no script reads it', () => {
  const cookie = secure.write(token, 60);
  expect(cookie.startsWith(`__Host-latchkey=${token};`)).toBe(true);
  expect(attributesOf(cookie)).toEqual([
    'HttpOnly',
    'Max-Age=60',
    'Path=/',
    'SameSite=Strict',
    'Secure',
  ]);
});

test('on plain http it does without the prefix and Secure, which browsers would not take', () => {
  const cookie = local.write(token, 60);
  expect(cookie.startsWith(`latchkey=${token};`)).toBe(true);
  expect(attributesOf(cookie)).toEqual(['HttpOnly', 'Max-Age=60', 'Path=/', 'SameSite=Strict']);
});

test.each([secure, local])('clearing takes the same cookie away at once', (cookie) => {
  const withoutValue = (text: string) => text.replace(/=[^;]*/, '').replace(/Max-Age=\d+/, '');
  expect(withoutValue(cookie.clear())).toBe(withoutValue(cookie.write(token, 60)));
  expect(cookie.clear()).toMatch(/^(__Host-)?latchkey=; Max-Age=0;/);
});

test.each([secure, local])('what was written is read, among whatever else there is', (cookie) => {
  const [pair = ''] = cookie.write(token, 60).split(';');
  expect(cookie.read(pair)).toBe(token);
  expect(cookie.read(`theme=dark; ${pair}; other="x"`)).toBe(token);
});

test.each([
  null,
  '',
  '__Host-latchkey',
  '__Host-latchkey=',
  `latchkey=${token}`,
  `__host-latchkey=${token}`,
  `__Host-latchkey2=${token}`,
  `x=__Host-latchkey=${token}`,
  'toString=1',
])('there is none in %j', (header) => {
  expect(secure.read(header)).toBeNull();
});

test('of two the first counts, and what cannot be decoded stays as it came', () => {
  expect(secure.read('__Host-latchkey=a; __Host-latchkey=b')).toBe('a');
  expect(secure.read('__Host-latchkey=%E0%A4%A')).toBe('%E0%A4%A');
});
