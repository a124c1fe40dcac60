import { expect, test } from 'vitest';
import { createProxyCheck } from './client-ip.ts';
import { createRequestIds } from './request-id.ts';

function idOf(ip: string | null, ...values: string[]): string {
  const requestIdOf = createRequestIds(createProxyCheck(['10.0.0.0/8']), () => 'made');
  return requestIdOf({
    headers: (name) => (name === 'x-request-id' ? values : []),
    source: { req: { headers: {} }, ip },
  });
}

test('a trusted proxy says what a request is called, and nobody else', () => {
  expect(idOf('10.0.0.1', '7f00a1.b_c-d')).toBe('7f00a1.b_c-d');
  expect(idOf('10.0.0.1')).toBe('made');
  expect(idOf('203.0.113.9', '7f00a1')).toBe('made');
  expect(idOf(null, '7f00a1')).toBe('made');
});

test.each([[''], ['a b'], ['a\u0000b'], ['é'], ['{"a":1}'], ['a'.repeat(129)]])(
  '%j is no id, whoever says it',
  (value) => {
    expect(idOf('10.0.0.1', value)).toBe('made');
  },
);

test('one of two is no id', () => {
  expect(idOf('10.0.0.1', 'a', 'a')).toBe('made');
});
