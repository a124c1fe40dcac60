import { TRPCError } from '@trpc/server';
import { getHTTPStatusCodeFromError } from '@trpc/server/http';
import { expect, test } from 'vitest';
import { LatchkeyError } from './latchkey-error.ts';
import { reasons, type Reason } from './reasons.ts';

test.each(Object.keys(reasons) as Reason[])('%s is found again in the message', (reason) => {
  const error = new LatchkeyError(reason);
  expect(error.reason).toBe(reason);
  expect(error.message).toBe(`${reasons[reason].message} [${reason}]`);
});

test.each(Object.keys(reasons) as Reason[])('%s has the status that tRPC answers', (reason) => {
  const answered = new TRPCError({ code: reasons[reason].code });
  expect(new LatchkeyError(reason).httpStatus).toBe(getHTTPStatusCodeFromError(answered));
});

test('what stands beside a reason is kept', () => {
  const issues = [{ path: ['email'], code: 'invalid_format', message: 'Invalid email address' }];
  expect(new LatchkeyError('weak_password', { detail: 'common' }).detail).toBe('common');
  expect(new LatchkeyError('invalid_input', { issues }).issues).toBe(issues);
  expect(new LatchkeyError('rate_limited', { retryAfterSeconds: 7 }).retryAfterSeconds).toBe(7);
});

test('a cause is kept for the log and shows nowhere else', () => {
  const cause = new Error("insert into users values ('hunter2')");
  const error = new LatchkeyError('overloaded', { cause });
  expect(error.cause).toBe(cause);
  expect(error.message).not.toContain('hunter2');
  expect(JSON.stringify(error)).not.toContain('hunter2');
});
