import { TRPCClientError } from '@trpc/client';
import { createTestLatchkey } from 'latchkey/testing';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { retryUnlessRefused } from './retry-unless-refused.ts';

beforeEach(() => {
  vi.stubGlobal('window', {});
});
afterEach(() => {
  vi.unstubAllGlobals();
});

test('what the server has refused is not tried again', async () => {
  await using t = await createTestLatchkey();
  const user = await t.clientAs({ role: 'user' });
  const refused = [
    user.admin.listUsers.query({}),
    (await t.clientAs(null)).user.me.query(),
    user.auth.login.mutate({ email: 'nobody@test.example', password: 'x' }),
  ];
  for (const { status, ...settled } of await Promise.allSettled(refused)) {
    expect(status).toBe('rejected');
    expect(retryUnlessRefused(0, (settled as PromiseRejectedResult).reason)).toBe(false);
  }
});

test.each([400, 401, 404, 429])(
  'nor is what the host refused with a status of %i',
  (httpStatus) => {
    expect(retryUnlessRefused(0, { data: { httpStatus } })).toBe(false);
  },
);

test.each([
  ['lost', new TRPCClientError('fetch failed')],
  ['too much at once', { data: { reason: 'overloaded', httpStatus: 503 } }],
  ['unexpected', { data: { reason: 'internal', httpStatus: 500 } }],
  ['the host’s own fault', { data: { reason: null, httpStatus: 502 } }],
])('what is %s is tried three times more', (_, error) => {
  expect([0, 1, 2, 3].map((count) => retryUnlessRefused(count, error))).toEqual([
    true,
    true,
    true,
    false,
  ]);
});

test('a server that renders does not wait for another try', () => {
  vi.unstubAllGlobals();
  expect(retryUnlessRefused(0, new TRPCClientError('fetch failed'))).toBe(false);
});
