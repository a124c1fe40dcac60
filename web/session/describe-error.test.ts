import { expect, test } from 'vitest';
import { reasons } from '../../shared/reasons.ts';
import { describeError, placeError } from './describe-error.ts';

function refusal(reason: string, data: object = {}) {
  return { message: '', data: { reason, ...data } };
}

test.each(Object.keys(reasons))('%s is a sentence', (reason) => {
  expect(describeError(refusal(reason))).toMatch(/^[A-Z].+[.?]$/);
});

test('what is no answer of the server is the connection', () => {
  expect(describeError(new TypeError('fetch failed'))).toContain('cannot be reached');
});

test('a limit says how long it lasts', () => {
  expect(describeError(refusal('rate_limited', { retryAfter: 42 }))).toContain('42 seconds');
  expect(describeError(refusal('rate_limited', { retryAfter: 300 }))).toContain('5 minutes');
});

test('a refused password says which rule it broke', () => {
  const sentences = ['too_short', 'too_long', 'common', 'personal'].map((detail) =>
    describeError(refusal('weak_password', { detail })),
  );
  expect(new Set(sentences).size).toBe(4);
});

test('a refusal stands at the field that it is about', () => {
  const fields = { email_taken: 'email', weak_password: 'password' };
  expect(placeError(refusal('email_taken'), fields).fields).toHaveProperty('email');
  expect(placeError(refusal('email_taken'), fields).whole).toBeNull();
  const issues = [{ path: ['username'], code: 'custom', message: '' }];
  expect(placeError(refusal('invalid_input', { issues }), fields).fields).toHaveProperty(
    'username',
  );
});

test('a form may have words of its own', () => {
  const own = { invalid_credentials: 'This is not your password.' };
  const fields = { invalid_credentials: 'password' };
  expect(placeError(refusal('invalid_credentials'), fields, own).fields).toEqual({
    password: 'This is not your password.',
  });
  expect(placeError(refusal('overloaded'), fields, own).whole).toBe(
    describeError(refusal('overloaded')),
  );
});

test('what is about no field stands above the form', () => {
  expect(placeError(refusal('rate_limited'), {}).whole).toContain('Too many tries');
  expect(placeError(refusal('email_taken'), {}).whole).not.toBeNull();
  expect(placeError(refusal('invalid_input'), {}).whole).not.toBeNull();
  expect(placeError(null, {})).toEqual({ fields: {}, whole: null });
});
