import { expect, test } from 'vitest';
import { createServiceCheck } from './service-credential.ts';

const isService = createServiceCheck([
  { name: 'orders', secret: 'first' },
  { name: 'orders', secret: 'second' },
  { name: 'billing', secret: 'third' },
]);

test.each([
  ['orders', 'first', true],
  ['orders', 'second', true],
  ['billing', 'third', true],
  ['orders', 'third', false],
  ['billing', 'first', false],
  ['orders', 'firs', false],
  ['orders', 'first ', false],
  ['Orders', 'first', false],
  ['', '', false],
])('%j with %j: %j', (name, secret, wanted) => {
  expect(isService({ name, secret })).toBe(wanted);
});

test('without services nobody is one', () => {
  expect(createServiceCheck([])({ name: '', secret: '' })).toBe(false);
});
