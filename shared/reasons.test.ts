import { expect, test } from 'vitest';
import { isReason, reasons } from './reasons.ts';

test('the reasons and their codes are those of the contract', () => {
  const codes = Object.entries(reasons).map(([reason, { code }]) => [reason, code]);
  expect(Object.fromEntries(codes)).toEqual({
    invalid_credentials: 'UNAUTHORIZED',
    token_missing: 'UNAUTHORIZED',
    token_invalid: 'UNAUTHORIZED',
    token_expired: 'UNAUTHORIZED',
    session_revoked: 'UNAUTHORIZED',
    token_stale: 'UNAUTHORIZED',
    refresh_reused: 'UNAUTHORIZED',
    forbidden: 'FORBIDDEN',
    last_admin: 'CONFLICT',
    email_taken: 'CONFLICT',
    username_taken: 'CONFLICT',
    weak_password: 'BAD_REQUEST',
    invalid_input: 'BAD_REQUEST',
    not_found: 'NOT_FOUND',
    rate_limited: 'TOO_MANY_REQUESTS',
    overloaded: 'SERVICE_UNAVAILABLE',
    internal: 'INTERNAL_SERVER_ERROR',
  });
});

test.each(Object.keys(reasons))('%s is a reason', (reason) => {
  expect(isReason(reason)).toBe(true);
});

test.each(['', 'toString', '__proto__', 'INTERNAL', 'internal ', null, undefined, 0, ['internal']])(
  '%j is none',
  (value) => {
    expect(isReason(value)).toBe(false);
  },
);
