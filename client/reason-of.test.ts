import { TRPCClientError } from '@trpc/client';
import { expect, test } from 'vitest';
import { LatchkeyError } from '../shared/latchkey-error.ts';
import { isReason, reasons } from '../shared/reasons.ts';
import { isUnauthorized, reasonOf } from './reason-of.ts';

function errorWith(message: string, data?: object, code = -32_600): TRPCClientError<never> {
  return TRPCClientError.from({ error: { code, message, ...(data && { data }) } });
}

test.each(Object.keys(reasons).filter(isReason))(
  'finds %s in the data and in the message',
  (reason) => {
    const { message } = new LatchkeyError(reason);
    expect(reasonOf(errorWith('Anything', { reason }))).toBe(reason);
    expect(reasonOf(errorWith(message))).toBe(reason);
    expect(reasonOf(errorWith(message, { traceId: 'abc' }))).toBe(reason);
    expect(reasonOf(new LatchkeyError(reason))).toBe(reason);
  },
);

test('believes the data before the message', () => {
  expect(reasonOf(errorWith('Text [forbidden]', { reason: 'not_found' }))).toBe('not_found');
});

test.each([
  undefined,
  null,
  7,
  'Signed out [session_revoked]',
  [],
  {},
  () => {},
  new Error('Plain'),
  new Error('[session_revoked] is not at the end'),
  new Error('Of the prototype [toString]'),
  new Error('Unknown [no_such_reason]'),
  { message: 7 },
  { data: null, message: 'x' },
  { data: { reason: 'constructor' } },
  { data: { reason: ['forbidden'] } },
  errorWith('A host of its own', { reason: 'out_of_stock' }),
])('finds none in %o', (value) => {
  expect(reasonOf(value)).toBeNull();
});

test('tells a refused credential from a text that looks like it', () => {
  expect(isUnauthorized(errorWith('[token_expired]', {}, -32_001))).toBe(true);
  expect(isUnauthorized(errorWith('', { code: 'UNAUTHORIZED' }))).toBe(true);
  expect(isUnauthorized(errorWith('[token_expired]'))).toBe(false);
  expect(isUnauthorized(new Error('[token_expired]'))).toBe(false);
});
