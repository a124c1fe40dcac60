import { TRPCError } from '@trpc/server';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { LatchkeyError } from '../../shared/latchkey-error.ts';
import { reasons, type Reason } from '../../shared/reasons.ts';
import { registerInput } from '../../shared/schemas.ts';
import { formatError, isReported, refusalOf, toTRPCError } from './error-formatter.ts';

const secret = 'hunter2';
const ctx = { latchkey: { requestId: 'a-request' } };

/** As tRPC calls a formatter in development, with everything that it knows. */
function format(error: TRPCError) {
  const data = { code: error.code, httpStatus: 0, path: 'auth.login', stack: `${error.stack}` };
  return formatError({ error, ctx, shape: { message: error.message, code: -32603, data } });
}

const statuses: Partial<Record<(typeof reasons)[Reason]['code'], number>> = {
  BAD_REQUEST: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  TOO_MANY_REQUESTS: 429,
  INTERNAL_SERVER_ERROR: 500,
  SERVICE_UNAVAILABLE: 503,
};

test.each(Object.keys(reasons) as Reason[])('%s has its code and its status', (reason) => {
  const { code } = reasons[reason];
  const shape = format(toTRPCError(new LatchkeyError(reason)));
  expect(shape.message).toBe(new LatchkeyError(reason).message);
  expect(shape.data).toMatchObject({
    reason,
    code,
    httpStatus: statuses[code],
    path: 'auth.login',
  });
});

test('what stands beside a reason goes along with it, and nothing else does', () => {
  const dataOf = (error: LatchkeyError) => format(toTRPCError(error)).data;
  expect(dataOf(new LatchkeyError('weak_password', { detail: 'common' })).detail).toBe('common');
  expect(dataOf(new LatchkeyError('rate_limited', { retryAfterSeconds: 7 })).retryAfter).toBe(7);
  expect(Object.keys(dataOf(new LatchkeyError('forbidden'))).toSorted()).toEqual([
    'code',
    'httpStatus',
    'path',
    'reason',
  ]);
});

test('a refusal is the same where tRPC wraps it', () => {
  const refusal = new LatchkeyError('last_admin');
  for (const code of ['INTERNAL_SERVER_ERROR', 'BAD_REQUEST', 'NOT_FOUND'] as const) {
    expect(format(new TRPCError({ code, cause: refusal })).data.reason).toBe('last_admin');
  }
});

test.each([
  ['an error', new Error(`insert into users values ('${secret}')`)],
  ['an error with a cause', new Error(secret, { cause: new Error(secret) })],
  [
    'an error with more to it',
    Object.assign(new Error(secret), { params: [secret], code: secret }),
  ],
  ['a text', secret],
  ['nothing', undefined],
])('%s that nobody expected is constant text and a request id', (_, cause) => {
  const shape = format(new TRPCError({ code: 'INTERNAL_SERVER_ERROR', message: secret, cause }));
  expect(shape).toEqual({
    message: new LatchkeyError('internal').message,
    code: -32603,
    data: {
      code: 'INTERNAL_SERVER_ERROR',
      httpStatus: 500,
      path: 'auth.login',
      reason: 'internal',
      requestId: 'a-request',
    },
  });
});

test('a stack goes out with no error', () => {
  for (const code of ['INTERNAL_SERVER_ERROR', 'BAD_REQUEST', 'CONFLICT'] as const) {
    expect(JSON.stringify(format(new TRPCError({ code })))).not.toContain('error-formatter.test');
  }
});

test('an input that a schema refuses is explained without its values', () => {
  const parsed = registerInput.safeParse({ email: secret, password: '', username: `${secret}!` });
  const cause = parsed.error;
  const { data } = format(
    new TRPCError({ code: 'BAD_REQUEST', message: `${cause?.message}`, cause }),
  );
  expect(data.reason).toBe('invalid_input');
  expect(data.issues?.map(({ path }) => path)).toEqual([['email'], ['password'], ['username']]);
  for (const issue of data.issues ?? []) {
    expect(Object.keys(issue).toSorted()).toEqual(['code', 'message', 'path']);
  }
  expect(JSON.stringify(data)).not.toContain(secret);
});

test('an answer does not grow with what was sent', () => {
  const key = 'k'.repeat(10_000);
  const schema = z.strictObject({ list: z.record(z.string(), z.array(z.string())) });
  const sent = { list: { [key]: Array.from({ length: 1_000 }, () => 1) }, [key]: 1 };
  const cause = schema.safeParse(sent).error;
  const { data } = format(
    new TRPCError({ code: 'BAD_REQUEST', message: `${cause?.message}`, cause }),
  );
  expect(data.issues).toHaveLength(100);
  expect(data.issues?.[0]?.path).toEqual(['list', `${'k'.repeat(499)}…`, 0]);
  expect(JSON.stringify(data).length).toBeLessThan(100_000);
});

test('issues of any other schema library are read with care', () => {
  const issues = [null, 7, 'x', {}, { path: ['a', 1, Symbol('x'), {}], code: 5, input: secret }];
  const cause = Object.assign(new Error('refused'), { issues });
  const { data } = format(new TRPCError({ code: 'BAD_REQUEST', message: 'refused', cause }));
  expect(data.issues).toEqual([
    { path: [], code: 'custom', message: 'Invalid input' },
    { path: ['a', 1], code: 'custom', message: 'Invalid input' },
  ]);
});

test('the words of a parser, which quote the input, are not repeated', () => {
  const cause = new SyntaxError(`Unexpected token 'h', "${secret}" is not valid JSON`);
  const shape = format(new TRPCError({ code: 'BAD_REQUEST', message: cause.message, cause }));
  expect(shape.data.reason).toBe('invalid_input');
  expect(JSON.stringify(shape)).not.toContain(secret);
});

test.each([
  ['BAD_REQUEST', 'invalid_input'],
  ['FORBIDDEN', 'forbidden'],
  ['NOT_FOUND', 'not_found'],
  ['TOO_MANY_REQUESTS', 'rate_limited'],
  ['SERVICE_UNAVAILABLE', 'overloaded'],
  ['METHOD_NOT_SUPPORTED', 'invalid_input'],
  ['PAYLOAD_TOO_LARGE', 'invalid_input'],
  ['UNSUPPORTED_MEDIA_TYPE', 'invalid_input'],
  ['PARSE_ERROR', 'invalid_input'],
  ['UNAUTHORIZED', null],
  ['CONFLICT', null],
  ['PRECONDITION_FAILED', null],
] as const)('%s of a host keeps its words and code, and has the reason %s', (code, reason) => {
  const shape = format(new TRPCError({ code, message: 'The shop is closed.' }));
  expect(shape.message).toBe('The shop is closed.');
  expect(shape.data).toMatchObject({ code, reason });
});

test('a context that could not be made leaves the answer without a request id', () => {
  const error = new TRPCError({ code: 'INTERNAL_SERVER_ERROR' });
  const shape = { message: '', code: -32603, data: { code: error.code, httpStatus: 500 } } as const;
  expect(formatError({ error, shape }).data).not.toHaveProperty('requestId');
  expect(formatError({ error, shape, ctx: {} }).data).not.toHaveProperty('requestId');
});

test('an error that went through our words once is known again', () => {
  const error = new TRPCError({ code: 'INTERNAL_SERVER_ERROR', cause: new Error(secret) });
  const refusal = refusalOf(error);
  expect(isReported(error)).toBe(false);
  expect(refusal && isReported(toTRPCError(refusal, error))).toBe(true);
});
