import { expect, test } from 'vitest';
import { hrefOf, parseHash } from './routing.ts';

test('a page without a query', () => {
  expect(parseHash('#/users').path).toBe('/users');
  expect(parseHash('').path).toBe('/');
  expect(parseHash('#').path).toBe('/');
});

test('a link and what is read from it again', () => {
  const href = hrefOf('/users', { search: 'a&b=c#d?e', role: '', status: 'active' });
  const { path, query } = parseHash(href);
  expect(path).toBe('/users');
  expect(Object.fromEntries(query)).toEqual({ search: 'a&b=c#d?e', status: 'active' });
});
