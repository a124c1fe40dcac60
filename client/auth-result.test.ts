import { TRPCClientError } from '@trpc/client';
import { expect, onTestFinished, test } from 'vitest';
import { parseAuthResult } from './auth-result.ts';
import { createClient, reasonOf } from './index.ts';
import { createAuthServer, type TestRouter } from './testing/auth-server.ts';
import { caught } from './testing/caught.ts';

const good = {
  accessToken: 'a.b.c',
  tokenType: 'Bearer',
  expiresIn: 900,
  refreshToken: 'r',
  user: { id: 'u1', email: 'ada@example.com' },
};
const ada = { email: 'ada@example.com', password: 'password' };

const hostile: readonly [string, unknown][] = [
  ['nothing', null],
  ['a string', 'a.b.c'],
  ['a list', [good]],
  ['no access token', { ...good, accessToken: undefined }],
  ['an empty access token', { ...good, accessToken: '' }],
  ['an access token that would add a header', { ...good, accessToken: 'a\r\nx-admin: 1' }],
  ['an access token that is an object', { ...good, accessToken: { length: 1 } }],
  ['an access token too long for a header', { ...good, accessToken: 'x'.repeat(16_385) }],
  ['a lifetime of text', { ...good, expiresIn: '900' }],
  ['no lifetime', { ...good, expiresIn: 0 }],
  ['a negative lifetime', { ...good, expiresIn: -1 }],
  ['an endless lifetime', { ...good, expiresIn: Number.POSITIVE_INFINITY }],
  ['a lifetime that is no number', { ...good, expiresIn: Number.NaN }],
  ['no refresh token', { ...good, refreshToken: null }],
  ['a refresh token too long to store', { ...good, refreshToken: 'x'.repeat(513) }],
  ['no user', { ...good, user: null }],
  ['a list of users', { ...good, user: [good.user] }],
  ['a user without an id', { ...good, user: { email: 'ada@example.com' } }],
  ['a user with a number for an id', { ...good, user: { id: 1 } }],
];

test.each(hostile)('refuses %s', (_, value) => {
  let error: unknown;
  try {
    parseAuthResult(value, 'bearer');
  } catch (caughtError) {
    error = caughtError;
  }
  expect(error).toBeInstanceOf(TRPCClientError);
  expect(reasonOf(error)).toBe('internal');
});

test('takes what it knows and leaves the rest', () => {
  const value: unknown = JSON.parse(
    JSON.stringify({ ...good, extra: 'token' }).replace('{', '{"__proto__":{"isAdmin":true},'),
  );
  const result = parseAuthResult(value, 'bearer');
  expect(result).toEqual(good);
  expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
  expect('isAdmin' in result).toBe(false);
  expect('isAdmin' in {}).toBe(false);
});

test('keeps no refresh token in cookie mode, even if one is sent', () => {
  expect(parseAuthResult(good, 'cookie').refreshToken).toBeNull();
  expect(parseAuthResult({ ...good, refreshToken: undefined }, 'cookie').refreshToken).toBeNull();
});

test('signs nobody in with a hostile answer', async () => {
  await using server = await createAuthServer();
  server.addUser(ada.email);
  const client = createClient<TestRouter>({ url: server.url });
  for (const [, answer] of hostile) {
    server.answer('auth.login', answer);
    expect(reasonOf(await caught(client.signIn(ada)))).toBe('internal');
  }
  expect(client.state.getSnapshot()).toEqual({ status: 'signed-out', user: null, reason: null });
});

test('keeps the session when a refresh is answered in a hostile way', async () => {
  const server = await createAuthServer();
  onTestFinished(() => server[Symbol.asyncDispose]());
  server.addUser(ada.email);
  const client = createClient<TestRouter>({ url: server.url });
  await client.signIn(ada);
  server.answer('auth.refresh', { ...good, user: null });
  expect(reasonOf(await caught(client.refresh()))).toBe('internal');
  expect(server.countCalls('auth.refresh')).toBe(1);
  expect(client.state.getSnapshot().user?.email).toBe(ada.email);
  expect(await client.trpc.notes.mine.query()).toBe(ada.email);
});

test('does not read an endless answer to its end', async () => {
  await using server = await createAuthServer();
  server.addUser(ada.email);
  const client = createClient<TestRouter>({ url: server.url });
  server.answer('auth.login', { ...good, padding: 'x'.repeat(10_000_000) });
  const error = await caught(client.signIn(ada));
  expect(error).toMatchObject({ message: 'The answer is too long.' });
  expect(client.state.getSnapshot().status).toBe('signed-out');
});
