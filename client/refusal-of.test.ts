import { TRPCClientError } from '@trpc/client';
import { createTestLatchkey } from 'latchkey/testing';
import { expect, test } from 'vitest';
import { refusalOf } from './refusal-of.ts';

test('says which rule a password broke, and what is wrong with which field', async () => {
  await using t = await createTestLatchkey();
  const client = await t.clientAs(null);
  const weak = client.auth.register.mutate({ email: 'ada@test.example', password: 'password1234' });
  expect(refusalOf(await weak.catch((error: unknown) => error))).toEqual({
    reason: 'weak_password',
    detail: 'common',
    issues: [],
    retryAfterSeconds: null,
  });
  const wrong = client.auth.register.mutate({ email: 'ada', password: 'correct horse battery' });
  const refusal = refusalOf(await wrong.catch((error: unknown) => error));
  expect(refusal?.reason).toBe('invalid_input');
  expect(refusal?.issues.map(({ path }) => path)).toEqual([['email']]);
  expect(refusal?.issues[0]?.message).toMatch(/\w/);
});

test('says how long to wait', async () => {
  await using t = await createTestLatchkey({
    rateLimits: true,
    limits: { signInPerAddress: { calls: 1, seconds: 60 } },
  });
  const client = await t.clientAs(null);
  const signIn = () =>
    client.auth.login
      .mutate({ email: 'ada@test.example', password: 'x' })
      .catch((error: unknown) => refusalOf(error));
  await signIn();
  const refusal = await signIn();
  expect(refusal).toMatchObject({ reason: 'rate_limited' });
  expect((refusal as { retryAfterSeconds: number }).retryAfterSeconds).toBeGreaterThan(0);
});

test('is null for what is no refusal, and believes no shape that it does not know', () => {
  expect(refusalOf(new TRPCClientError('fetch failed'))).toBeNull();
  expect(refusalOf(null)).toBeNull();
  const odd = {
    reason: 'weak_password',
    detail: 'purple',
    issues: [1, { path: 'x' }],
    retryAfter: '9',
  };
  expect(refusalOf({ data: odd })).toEqual({
    reason: 'weak_password',
    detail: null,
    issues: [],
    retryAfterSeconds: null,
  });
});
