import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { reasons } from '../../shared/reasons.ts';
import { createTestLatchkey, testPassword } from '../kit/create-test-latchkey.ts';
import {
  createApi,
  errorOf,
  goodPassword,
  login,
  me,
  refresh,
  refusalOf,
  refusals,
  register,
  valueOf,
  whatWorks,
  type Answer,
  type SignedIn,
} from './api.ts';
import { holdLock } from './database-lock.ts';
import { like } from './like.ts';
import { createFolder } from './server-process.ts';

const t = await createTestLatchkey();
const api = createApi((await t.serve()).url);
afterAll(() => t.close());

/** The JSON-RPC codes of tRPC, which stand beside its names. */
const codes: Readonly<Record<string, { code: number; status: number }>> = {
  UNAUTHORIZED: { code: -32001, status: 401 },
  FORBIDDEN: { code: -32003, status: 403 },
  NOT_FOUND: { code: -32004, status: 404 },
  CONFLICT: { code: -32009, status: 409 },
  BAD_REQUEST: { code: -32600, status: 400 },
  TOO_MANY_REQUESTS: { code: -32029, status: 429 },
  SERVICE_UNAVAILABLE: { code: -32603, status: 503 },
  INTERNAL_SERVER_ERROR: { code: -32603, status: 500 },
};

/** Provokes each reason: the whole answer, and what else `data` has to hold. */
interface Provoked {
  readonly path: string;
  readonly answer: Answer;
  readonly more?: Readonly<Record<string, unknown>>;
}

async function asAdmin(): Promise<SignedIn> {
  return t.signInAs({ role: 'admin', email: 'admin@errors.example' });
}

const provoke: Readonly<
  Record<
    Exclude<keyof typeof reasons, 'overloaded' | 'internal' | 'rate_limited' | 'last_admin'>,
    () => Promise<Provoked>
  >
> = {
  async invalid_credentials() {
    const input = { email: 'nobody@errors.example', password: goodPassword };
    return { path: 'auth.login', answer: await api.mutate('auth.login', { input }) };
  },
  async token_missing() {
    return { path: 'user.me', answer: await api.query('user.me') };
  },
  async token_invalid() {
    return { path: 'user.me', answer: await api.query('user.me', { token: 'garbage' }) };
  },
  async token_expired() {
    const { accessToken } = await register(api);
    t.clock.advance(900);
    return { path: 'user.me', answer: await api.query('user.me', { token: accessToken }) };
  },
  async session_revoked() {
    const { accessToken } = await register(api);
    await api.mutate('auth.logout', { token: accessToken });
    return { path: 'user.me', answer: await api.query('user.me', { token: accessToken }) };
  },
  async token_stale() {
    const { accessToken, user } = await register(api);
    const { accessToken: token } = await asAdmin();
    await api.mutate('admin.setRole', { token, input: { userId: user.id, role: 'admin' } });
    return { path: 'user.me', answer: await api.query('user.me', { token: accessToken }) };
  },
  async refresh_reused() {
    const { refreshToken } = await register(api);
    await refresh(api, refreshToken);
    t.clock.advance(11);
    return { path: 'auth.refresh', answer: await refresh(api, refreshToken) };
  },
  async forbidden() {
    const { accessToken: token } = await register(api);
    return { path: 'admin.listUsers', answer: await api.query('admin.listUsers', { token }) };
  },
  async email_taken() {
    const { user } = await register(api);
    const input = { email: user.email, password: goodPassword };
    return { path: 'auth.register', answer: await api.mutate('auth.register', { input }) };
  },
  async username_taken() {
    await register(api, { username: 'taken-name' });
    const input = { email: 'x@errors.example', password: goodPassword, username: 'Taken-Name' };
    return { path: 'auth.register', answer: await api.mutate('auth.register', { input }) };
  },
  async weak_password() {
    const input = { email: 'weak@errors.example', password: 'password1234' };
    return {
      path: 'auth.register',
      answer: await api.mutate('auth.register', { input }),
      more: { detail: 'common' },
    };
  },
  async invalid_input() {
    const input = { email: 'no address', password: 7 };
    return {
      path: 'auth.register',
      answer: await api.mutate('auth.register', { input }),
      more: {
        issues: [
          { path: ['email'], code: 'invalid_format', message: like.text },
          { path: ['password'], code: 'invalid_type', message: like.text },
        ],
      },
    };
  },
  async not_found() {
    const { accessToken: token } = await asAdmin();
    const input = { userId: '01900000-0000-7000-8000-000000000000' };
    return { path: 'admin.getUser', answer: await api.query('admin.getUser', { token, input }) };
  },
};

/** All that a caller can see of a refusal. */
function seenIn({ status, headers, text }: Answer): object {
  return {
    status,
    body: JSON.parse(text) as unknown,
    contentType: headers.get('content-type'),
    cacheControl: headers.get('cache-control'),
    contentTypeOptions: headers.get('x-content-type-options'),
    poweredBy: headers.get('x-powered-by'),
  };
}

function wanted(
  reason: keyof typeof reasons,
  { path, more = {} }: Omit<Provoked, 'answer'>,
): object {
  const { code, message } = reasons[reason];
  const numbers = codes[code];
  const data = { code, httpStatus: numbers?.status, path, reason, ...more };
  return {
    status: numbers?.status,
    body: { error: { message: `${message} [${reason}]`, code: numbers?.code, data } },
    contentType: 'application/json; charset=utf-8',
    cacheControl: 'no-store',
    contentTypeOptions: 'nosniff',
    poweredBy: null,
  };
}

describe('each reason, with its code and status, and nothing else in the body', () => {
  test.each(Object.entries(provoke))('%s', async (reason, provokeIt) => {
    const { answer, ...expected } = await provokeIt();
    // The entries are those of the table.
    expect(seenIn(answer)).toEqual(wanted(reason as keyof typeof provoke, expected));
  });

  test('last_admin', async () => {
    await using alone = await createTestLatchkey();
    const lonely = createApi((await alone.serve()).url);
    const { accessToken: token } = await alone.signInAs({ role: 'admin' });
    const answer = await lonely.mutate('user.delete', { token, input: { password: testPassword } });
    expect(seenIn(answer)).toEqual(wanted('last_admin', { path: 'user.delete' }));
  });

  test('rate_limited, with the seconds in the body and in Retry-After', async () => {
    await using limited = await createTestLatchkey({ rateLimits: true });
    const wire = createApi((await limited.serve()).url);
    const input = { email: 'nobody@errors.example', password: goodPassword };
    const answers: Answer[] = [];
    for (let guess = 0; guess < 11; guess += 1) {
      // Each for another account: it is the address that runs out of tries, whatever it says it is.
      const each = { ...input, email: `nobody-${guess}@errors.example` };
      const headers = { 'x-forwarded-for': `203.0.113.${guess}`, 'user-agent': `${guess}` };
      answers.push(await wire.mutate('auth.login', { input: each, headers }));
    }
    expect(answers.slice(0, 10).map(refusalOf)).toEqual(
      Array.from({ length: 10 }, () => refusals.invalidCredentials),
    );
    const [answer] = answers.slice(10);
    if (!answer) throw new Error('There were eleven.');
    const { retryAfter } = errorOf(answer).data;
    expect(retryAfter).toBeGreaterThanOrEqual(1);
    expect(retryAfter).toBeLessThanOrEqual(60);
    expect(answer.headers.get('retry-after')).toBe(String(retryAfter));
    expect(seenIn(answer)).toEqual(
      wanted('rate_limited', { path: 'auth.login', more: { retryAfter } }),
    );
  });

  test('rate_limited in a batch, too, where Retry-After stands on the whole', async () => {
    await using limited = await createTestLatchkey({ rateLimits: true });
    const wire = createApi((await limited.serve()).url);
    const input = { email: 'nobody@errors.example', password: goodPassword };
    const send = () =>
      wire.send('/trpc/auth.login,auth.logout?batch=1', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ 0: input }),
      });
    for (let guess = 0; guess < 10; guess += 1) await send();
    const answer = await send();
    expect(answer.status).toBe(207);
    expect(answer.text).toContain('"reason":"rate_limited"');
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
  });

  test('overloaded while another process holds the lock; then it goes on', async () => {
    await using folder = await createFolder();
    const path = join(folder.path, 'locked.db');
    await using busy = await createTestLatchkey({ database: `file:${path}` });
    const wire = createApi((await busy.serve()).url);
    const signedIn = await register(wire);
    const lock = await holdLock(path);

    const refreshing = refresh(wire, signedIn.refreshToken);
    // Reading needs no lock, and is answered while the writer waits.
    expect((await me(wire, signedIn.accessToken)).id).toBe(signedIn.user.id);
    // The writer counts its tries, some two seconds' worth, and gives up.
    const answer = await refreshing;
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(seenIn(answer)).toEqual(
      wanted('overloaded', { path: 'auth.refresh', more: { retryAfter: 1 } }),
    );

    await lock.release();
    expect(await whatWorks(wire, signedIn)).toEqual({ me: true, refresh: true });
  });

  test('internal, with a request id and nothing of what happened', async () => {
    let isBroken = false;
    await using broken = await createTestLatchkey({
      claims: () => {
        if (isBroken) throw new Error(`SELECT * FROM secrets at ${import.meta.filename}`);
        return {};
      },
    });
    const wire = createApi((await broken.serve()).url);
    const { user } = await register(wire);
    isBroken = true;
    const input = { email: user.email, password: goodPassword };
    const answer = await wire.mutate('auth.login', { input });
    expect(seenIn(answer)).toEqual(
      wanted('internal', { path: 'auth.login', more: { requestId: like.id } }),
    );
    isBroken = false;
    expect((await me(wire, (await login(wire, user.email)).accessToken)).id).toBe(user.id);
  });

  test('every reason is provoked', () => {
    const elsewhere = ['last_admin', 'rate_limited', 'overloaded', 'internal'];
    expect([...Object.keys(provoke), ...elsewhere].toSorted()).toEqual(
      Object.keys(reasons).toSorted(),
    );
  });
});

describe('invalid_credentials', () => {
  test('is one answer for an unknown user, a wrong password and a disabled account', async () => {
    const known = await register(api);
    const disabled = await register(api);
    const { accessToken: token } = await asAdmin();
    const input = { userId: disabled.user.id };
    valueOf(await api.mutate('admin.disableUser', { token, input }));
    const answers = await Promise.all(
      [
        { email: known.user.email, password: `${goodPassword}!` },
        { email: 'unknown@errors.example', password: goodPassword },
        { username: 'unknown-name', password: goodPassword },
        { email: disabled.user.email, password: goodPassword },
        { email: disabled.user.email, password: `${goodPassword}!` },
      ].map((credentials) => api.mutate('auth.login', { input: credentials })),
    );
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    // Each request has its own of these.
    const own = ['date', 'x-request-id'];
    const headers = answers.map((answer) =>
      [...answer.headers].filter(([name]) => !own.includes(name)).toString(),
    );
    expect(new Set(headers).size).toBe(1);
  });
});

describe('invalid_input', () => {
  const secret = 'hunter2-is-my-own-Secret';

  test.each([
    ['auth.register', { email: secret, password: [secret], username: `${secret} ${secret}` }],
    ['auth.register', { email: 'a@b.example', password: { value: secret } }],
    ['auth.register', { email: 'a@b.example', password: `${secret}\0` }],
    ['auth.login', { email: secret, password: 1 }],
    ['auth.login', { user: secret }],
    ['auth.refresh', { refreshToken: [secret] }],
    ['auth.refresh', { refreshToken: secret.repeat(99) }],
    ['auth.logout', { refreshToken: { secret } }],
  ])('repeats no value that %s was called with', async (path, input) => {
    const answer = await api.mutate(path, { input });
    expect(refusalOf(answer)).toBe(refusals.invalidInput);
    expect(answer.text).not.toContain(secret);
  });

  test.each([
    `{"email":"a@b.example","password":"${secret}"`,
    `{"email":"a@b.example","password":"${secret}",}`,
    secret,
    `"${secret}`,
    `{'password':'${secret}'}`,
    `{"password":NaN,"x":"${secret}"}`,
  ])('repeats nothing of what is not JSON: %s', async (body) => {
    const answer = await api.send('/trpc/auth.login', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    expect(refusalOf(answer)).toBe(refusals.invalidInput);
    expect(answer.text).not.toContain('hunter2');
  });

  test('weak_password says which rule, and not the password', async () => {
    const rules = {
      too_short: 'short one',
      too_long: `${secret} `.repeat(20),
      common: 'password1234',
      personal: 'grace.hopper.1906',
    };
    for (const [detail, password] of Object.entries(rules)) {
      const input = { email: 'grace.hopper.1906@errors.example', password };
      const answer = await api.mutate('auth.register', { input });
      expect(refusalOf(answer)).toBe(refusals.weakPassword);
      expect(errorOf(answer).data.detail).toBe(detail);
      expect(answer.text).not.toContain(password);
    }
  });
});

describe('calls in a batch', () => {
  test('Z-19: each has its own answer, under HTTP 207 where they differ', async () => {
    const { accessToken, user } = await register(api);
    const input = encodeURIComponent(JSON.stringify({ 1: { limit: 1 } }));
    const answer = await api.send(
      `/trpc/user.me,admin.listUsers,session.list,no.such?batch=1&input=${input}`,
      { headers: { authorization: `Bearer ${accessToken}` } },
    );
    expect(answer.status).toBe(207);
    const results = JSON.parse(answer.text) as {
      result?: { data: unknown };
      error?: { data: { httpStatus: number; reason: string; path: string } };
    }[];
    expect(results[0]?.result?.data).toEqual(user);
    expect(results[1]?.error?.data).toMatchObject({ httpStatus: 403, reason: 'forbidden' });
    expect(results[2]?.result?.data).toHaveLength(1);
    expect(results[3]?.error?.data).toMatchObject({ httpStatus: 404, reason: 'not_found' });
  });
});

test('says in an issue what is wrong with a request, before any call runs and after', async () => {
  const headers = { 'content-type': 'application/json' };
  const post = (target: string, body = '{}', more: Readonly<Record<string, string>> = {}) =>
    api.send(target, { method: 'POST', body, headers: { ...headers, ...more } });
  const streamed = { 'trpc-accept': 'application/jsonl' };
  const elevenCalls = Array.from({ length: 11 }, () => 'user.me').join();
  const refused = await Promise.all([
    api.send('/trpc/auth.login', { method: 'PUT', headers, body: '{}' }),
    api.send('/trpc/auth.login'),
    api.send('/.well-known/jwks.json', { method: 'POST' }),
    post('/trpc/user.me'),
    post('/trpc/auth.login', '{}', { 'content-type': 'text/plain' }),
    post('/trpc/auth.login', '{}', { 'content-encoding': 'gzip' }),
    post('/trpc/auth.login', ' '.repeat(32 * 1_024 + 1)),
    post('/trpc/auth.login', '{'),
    post('/trpc/auth.login', '['.repeat(33) + ']'.repeat(33)),
    post('/trpc/auth.login?input={}'),
    post('/trpc/auth.login,auth.login?batch=1'),
    post('/trpc/auth.login,user.me?batch=1'),
    post('/trpc/auth.login', '{}', streamed),
    api.send(`/trpc/${elevenCalls}?batch=1`),
    api.send('/trpc/user.me?batch=2'),
    api.send('/trpc/user.me?input=1&input=2'),
    api.send('/trpc/user.me?batch=1&input=[]'),
  ]);
  const said = refused.map((answer) => {
    const { reason, issues } = errorOf(answer).data;
    expect({ reason, issues }).toEqual({
      reason: 'invalid_input',
      issues: [{ path: [], code: 'custom', message: like.text }],
    });
    return (issues?.[0] as { message?: string } | undefined)?.message;
  });
  // Nobody has to guess which of them it was.
  expect(new Set(said).size).toBe(said.length);

  const input = { email: 'streamed@errors.example', password: goodPassword };
  const line = await post('/trpc/auth.login?batch=1', JSON.stringify({ 0: input }), streamed);
  expect(line.text).toContain('"issues":[{"path":[],"code":"custom","message":"Send a call');
});

test('RFC 6750 §3: a 401 says how one is let in, and names the error of a token that was sent', async () => {
  const { accessToken: token, user } = await register(api);
  const input = { email: user.email, password: 'not the password' };
  const challenges = [
    [await api.query('user.me'), 'Bearer realm="latchkey"'],
    [
      await api.query('user.me', { token: 'garbage' }),
      'Bearer realm="latchkey", error="invalid_token"',
    ],
    [await api.mutate('auth.login', { input }), 'Bearer realm="latchkey"'],
    [
      await api.mutate('user.delete', { token, input: { password: 'not the password' } }),
      'Bearer realm="latchkey"',
    ],
    [await refresh(api, 'garbage'), 'Bearer realm="latchkey"'],
  ] as const;
  for (const [answer, challenge] of challenges) {
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, challenge]);
  }
  expect((await api.query('user.me', { token })).headers.get('www-authenticate')).toBeNull();
});
