import { expect, test } from 'vitest';
import { createRuntime } from '../runtime.ts';
import { createCallContext, type CallContext } from './context.ts';
import {
  answerSignedIn,
  assertCredentialCall,
  credentialPaths,
  credentialsOf,
  isCredentialPath,
} from './credentials.ts';
import { createRefreshCookie } from './refresh-cookie.ts';

const now = Date.UTC(2026, 0, 1);
const runtime = createRuntime(() => now);
const cookie = createRefreshCookie('https://auth.example.com');

function contextOf(
  headers: Record<string, string>,
  { paths = ['auth.login'], accept = null as string | null, resHeaders = new Headers() } = {},
): CallContext {
  return createCallContext(
    { runtime, cookie, allowedOrigins: new Set(['https://app.example.com']), clientIp: () => null },
    { req: { headers }, resHeaders, info: { accept, calls: paths.map((path) => ({ path })) } },
  );
}

test.each(credentialPaths)('%s checks or sets a credential, wherever it is nested', (path) => {
  expect(isCredentialPath(path)).toBe(true);
  expect(isCredentialPath(`api.v1.${path}`)).toBe(true);
});

test.each([
  'auth.logout',
  'user.me',
  'auth',
  'login',
  'oauth.login',
  'auth.login.x',
  'auth_login',
  '',
])('%j does not', (path) => {
  expect(isCredentialPath(path)).toBe(false);
});

test('a credential is checked alone in its batch', () => {
  const check = (paths: string[]) => () => assertCredentialCall(contextOf({}, { paths }));
  expect(check(['auth.login'])).not.toThrow();
  expect(check(['user.me', 'auth.login', 'user.me'])).not.toThrow();
  expect(check(['auth.login', 'auth.login'])).toThrow('invalid_input');
  expect(check(['auth.refresh', 'api.user.delete'])).toThrow('invalid_input');
});

test('a credential is not checked in a stream', () => {
  const streamed = contextOf({}, { accept: 'application/jsonl' });
  expect(() => assertCredentialCall(streamed)).toThrow('invalid_input');
});

test('cookie mode is for pages of allowed origins', () => {
  const from = (headers: Record<string, string>) => () =>
    assertCredentialCall(contextOf({ 'x-latchkey-mode': 'cookie', ...headers }));
  expect(from({ origin: 'https://app.example.com' })).not.toThrow();
  expect(from({ origin: 'https://evil.example' })).toThrow('forbidden');
  expect(from({})).toThrow('forbidden');
});

test.each([
  [{}, undefined, [null, null, null]],
  [{ authorization: 'Bearer a' }, undefined, ['a', null, null]],
  [{ authorization: 'bearer a' }, undefined, ['a', null, null]],
  [{ authorization: 'Basic a' }, undefined, [null, null, null]],
  [{ authorization: 'Bearer a b' }, undefined, [null, null, null]],
  [{ cookie: '__Host-latchkey=c' }, undefined, [null, 'c', null]],
  [{}, 'i', [null, 'i', null]],
  [{ cookie: '__Host-latchkey=c' }, 'i', [null, 'i', 'c']],
  [{ cookie: '__Host-latchkey=c', authorization: 'Bearer a' }, undefined, ['a', 'c', null]],
] as const)('of %j and the input %s the credentials are %j', (headers, inputToken, wanted) => {
  const { accessToken, refreshToken, otherRefreshToken } = credentialsOf(
    contextOf(headers),
    inputToken,
  );
  expect([accessToken, refreshToken, otherRefreshToken]).toEqual(wanted);
});

const signedIn = {
  accessToken: 'access',
  expiresIn: 900,
  refreshToken: 'refresh',
  refreshTokenExpiresAt: now + 86_400_000 + 999,
  user: {
    id: 'u',
    email: 'ada@example.com',
    emailVerified: false,
    username: null,
    name: null,
    role: 'user',
    status: 'active',
    authorizationVersion: 0,
    createdAt: now,
    updatedAt: now,
  },
} as const;

test('the refresh token is part of the answer', () => {
  const resHeaders = new Headers();
  const latchkey = contextOf({}, { resHeaders });
  expect(answerSignedIn({ accounts: { runtime }, cookie }, latchkey, signedIn)).toMatchObject({
    accessToken: 'access',
    tokenType: 'Bearer',
    expiresIn: 900,
    refreshToken: 'refresh',
    user: { id: 'u', createdAt: '2026-01-01T00:00:00.000Z' },
  });
  expect(resHeaders.getSetCookie()).toEqual([]);
});

test('in cookie mode it is in the cookie alone, for as long as it is good', () => {
  const resHeaders = new Headers();
  const latchkey = contextOf({ 'x-latchkey-mode': 'cookie' }, { resHeaders });
  const answer = answerSignedIn({ accounts: { runtime }, cookie }, latchkey, signedIn);
  expect(answer.refreshToken).toBeNull();
  expect(JSON.stringify(answer)).not.toContain('"refresh"');
  expect(resHeaders.getSetCookie()).toEqual([cookie.write('refresh', 86_400)]);
});
