import { decodeJwt } from 'jose';
import { afterAll, describe, expect, test } from 'vitest';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';
import {
  createApi,
  goodPassword,
  login,
  me,
  refresh,
  refusalOf,
  refusals,
  register,
  sessionsOf,
  signedInOf,
  valueOf,
  whatWorks,
} from './api.ts';
import { like } from './like.ts';

const t = await createTestLatchkey();
const api = createApi((await t.serve()).url);
afterAll(() => t.close());

describe('auth.register', () => {
  test('answers an AuthResult, with the defaults of a new user', async () => {
    const answer = await api.mutate('auth.register', {
      input: { email: 'ada@register.example', password: goodPassword },
    });
    expect(valueOf(answer)).toEqual({
      accessToken: like.accessToken,
      tokenType: 'Bearer',
      expiresIn: 900,
      refreshToken: like.refreshToken,
      user: {
        id: like.id,
        email: 'ada@register.example',
        emailVerified: false,
        username: null,
        name: null,
        role: 'user',
        status: 'active',
        createdAt: like.time,
        updatedAt: like.time,
      },
    });
  });

  test('takes a username and a name', async () => {
    const { user } = await register(api, { username: 'Grace.Hopper', name: ' Grace Hopper ' });
    expect(user).toMatchObject({ username: 'grace.hopper', name: 'Grace Hopper' });
  });

  test('signs in: both tokens work', async () => {
    expect(await whatWorks(api, await register(api))).toEqual({ me: true, refresh: true });
  });

  test('takes an address in any case for the same account', async () => {
    const { user } = await register(api, { email: 'Mixed@Register.Example' });
    expect(user.email).toBe('mixed@register.example');
    const again = { email: 'MIXED@register.EXAMPLE', password: goodPassword };
    expect(refusalOf(await api.mutate('auth.register', { input: again }))).toBe(
      refusals.emailTaken,
    );
    expect((await login(api, 'mIxEd@rEgIsTeR.eXaMpLe')).user.id).toBe(user.id);
  });

  test.each([
    ['role', 'admin'],
    ['isAdmin', true],
    ['roles', ['admin']],
    ['id', '00000000-0000-7000-8000-000000000000'],
    ['emailVerified', true],
    ['status', 'disabled'],
    ['createdAt', '2000-01-01T00:00:00.000Z'],
    ['passwordHash', '$2b$04$xxxxxxxxxxxxxxxxxxxxxx'],
    ['authorizationVersion', 7],
    ['constructor', { prototype: { role: 'admin' } }],
  ])('Z-09, H-42: refuses the unknown key %s, and makes no account', async (key, value) => {
    const account = { email: `${key.toLowerCase()}@mass.example`, password: goodPassword };
    const answer = await api.mutate('auth.register', { input: { ...account, [key]: value } });
    expect(refusalOf(answer)).toBe(refusals.invalidInput);
    expect(refusalOf(await api.mutate('auth.login', { input: account }))).toBe(
      refusals.invalidCredentials,
    );
  });

  test('Z-09: refuses __proto__ as a key, and nobody becomes an admin by it', async () => {
    const body = `{"email":"proto@mass.example","password":"${goodPassword}","__proto__":{"role":"admin"}}`;
    const answer = await api.send('/trpc/auth.register', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    expect(refusalOf(answer)).toBe(refusals.invalidInput);
    expect((await register(api)).user.role).toBe('user');
  });
});

describe('auth.login', () => {
  test('takes the address or the username', async () => {
    const { user } = await register(api, { username: 'both-ways' });
    const byEmail = await login(api, user.email);
    const byUsername = signedInOf(
      await api.mutate('auth.login', {
        input: { username: 'Both-Ways', password: goodPassword },
      }),
    );
    expect(byEmail.user).toEqual(user);
    expect(byUsername.user).toEqual(user);
    expect(Object.keys(byEmail).toSorted()).toEqual([
      'accessToken',
      'expiresIn',
      'refreshToken',
      'tokenType',
      'user',
    ]);
  });

  test.each([
    ['both names', { email: 'x@y.example', username: 'xy', password: 'p' }],
    ['neither name', { password: 'p' }],
    ['no password', { email: 'x@y.example' }],
    ['an unknown key', { email: 'x@y.example', password: 'p', remember: true }],
    ['an operator for a password', { email: 'x@y.example', password: { $ne: null } }],
    ['an operator for an address', { email: { $gt: '' }, password: 'p' }],
    ['lists', { email: ['x@y.example'], password: ['p'] }],
    ['a list of credentials', [{ email: 'x@y.example', password: 'p' }]],
    ['null', null],
    ['nothing', undefined],
  ])('refuses %s', async (_name, input) => {
    expect(refusalOf(await api.mutate('auth.login', { input }))).toBe(refusals.invalidInput);
  });

  test('starts a session of its own, whatever it is sent with', async () => {
    const victim = await register(api);
    const attacker = await register(api);
    const answer = await api.mutate('auth.login', {
      input: { email: victim.user.email, password: goodPassword },
      token: attacker.accessToken,
    });
    const signedIn = signedInOf(answer);
    const sids = [victim, attacker, signedIn].map(
      ({ accessToken }) => decodeJwt(accessToken)['sid'],
    );
    expect(new Set(sids).size).toBe(3);
    expect((await me(api, signedIn.accessToken)).id).toBe(victim.user.id);
    expect(await whatWorks(api, attacker)).toEqual({ me: true, refresh: true });
  });

  test('takes every character of a password for itself, and all forms of one character for one', async () => {
    const password = ' Zoë’s p\u00e4ssword \t with ends ';
    const email = 'spaces@login.example';
    valueOf(await api.mutate('auth.register', { input: { email, password } }));
    const reasonFor = async (tried: string) =>
      (await api.mutate('auth.login', { input: { email, password: tried } })).status;
    expect(await reasonFor(password)).toBe(200);
    expect(await reasonFor(password.normalize('NFD'))).toBe(200);
    expect(await reasonFor(password.trim())).toBe(401);
    expect(await reasonFor(password.toLowerCase())).toBe(401);
    expect(await reasonFor(`${password}x`)).toBe(401);
  });

  test('counts every byte of a long password', async () => {
    const email = 'long@login.example';
    const password = `${'long-Password '.repeat(9)}A`;
    valueOf(await api.mutate('auth.register', { input: { email, password } }));
    const other = `${password.slice(0, -1)}B`;
    expect(refusalOf(await api.mutate('auth.login', { input: { email, password: other } }))).toBe(
      refusals.invalidCredentials,
    );
    expect((await api.mutate('auth.login', { input: { email, password } })).status).toBe(200);
  });

  test.each(['\\u0000', '\\ud800'])('refuses a password with %s', async (escaped) => {
    const answer = await api.send('/trpc/auth.login', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `{"email":"x@y.example","password":"a${escaped}b"}`,
    });
    expect(refusalOf(answer)).toBe(refusals.invalidInput);
  });
});

describe('auth.refresh', () => {
  test('answers an AuthResult of the same session, and the old token is spent', async () => {
    const first = await register(api);
    const second = signedInOf(await refresh(api, first.refreshToken));
    expect(second).toEqual({
      accessToken: like.accessToken,
      tokenType: 'Bearer',
      expiresIn: 900,
      refreshToken: like.refreshToken,
      user: first.user,
    });
    expect(second.refreshToken).not.toBe(first.refreshToken);
    expect(decodeJwt(second.accessToken)['sid']).toBe(decodeJwt(first.accessToken)['sid']);
  });

  test.each([
    ['no token', {}, refusals.tokenMissing],
    ['an empty token', { refreshToken: '' }, refusals.invalidInput],
    ['a number', { refreshToken: 7 }, refusals.invalidInput],
    ['an unknown key', { refreshToken: 'x', userId: 'y' }, refusals.invalidInput],
    ['a made-up token', { refreshToken: 'x'.repeat(72) }, refusals.tokenInvalid],
    ['a token of another form', { refreshToken: 'x' }, refusals.tokenInvalid],
  ])('refuses %s', async (_name, input, expected) => {
    expect(refusalOf(await api.mutate('auth.refresh', { input }))).toBe(expected);
  });

  test('R-24: takes no token from a URL, a header or a form', async () => {
    const signedIn = await register(api);
    const { refreshToken } = signedIn;
    const input = encodeURIComponent(JSON.stringify({ refreshToken }));
    expect((await api.send(`/trpc/auth.refresh?input=${input}`)).status).toBe(405);
    const inUrl = await api.send(`/trpc/auth.refresh?refreshToken=${refreshToken}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect(refusalOf(inUrl)).toBe(refusals.tokenMissing);
    const inBoth = await api.send(`/trpc/auth.refresh?input=${input}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect(refusalOf(inBoth)).toBe(refusals.invalidInput);
    const asBearer = await api.mutate('auth.refresh', { input: {}, token: refreshToken });
    expect(refusalOf(asBearer)).toBe(refusals.tokenMissing);
    const inForm = await api.send('/trpc/auth.refresh', {
      method: 'POST',
      body: new URLSearchParams({ refreshToken }),
    });
    expect(inForm.status).toBe(415);
    expect(await whatWorks(api, signedIn)).toEqual({ me: true, refresh: true });
  });

  test("R-13: refuses one person's token beside another one's bearer, and both stay signed in", async () => {
    const [one, other] = [await register(api), await register(api)];
    const answer = await api.mutate('auth.refresh', {
      input: { refreshToken: one.refreshToken },
      token: other.accessToken,
    });
    expect(refusalOf(answer)).toBe(refusals.tokenInvalid);
    expect(await whatWorks(api, one)).toEqual({ me: true, refresh: true });
    expect(await whatWorks(api, other)).toEqual({ me: true, refresh: true });
  });

  test('goes on beside an expired bearer token of the same session', async () => {
    const signedIn = await register(api);
    t.clock.advance(901);
    const answer = await api.mutate('auth.refresh', {
      input: { refreshToken: signedIn.refreshToken },
      token: signedIn.accessToken,
    });
    expect(answer.status).toBe(200);
  });
});

describe('auth.logout', () => {
  const logout = async (options: Parameters<typeof api.mutate>[1]) =>
    valueOf(await api.mutate('auth.logout', options));

  test('R-11: ends the session of the refresh token, once', async () => {
    const signedIn = await register(api);
    const input = { refreshToken: signedIn.refreshToken };
    expect(await logout({ input })).toEqual({ revoked: true });
    expect(await logout({ input })).toEqual({ revoked: false });
    expect(refusalOf(await api.query('user.me', { token: signedIn.accessToken }))).toBe(
      refusals.sessionRevoked,
    );
    expect(refusalOf(await refresh(api, signedIn.refreshToken))).toBe(refusals.sessionRevoked);
  });

  test('ends the session of the bearer token, with an input or without one', async () => {
    for (const input of [undefined, {}]) {
      const signedIn = await register(api);
      const token = signedIn.accessToken;
      expect(await logout({ input, token })).toEqual({ revoked: true });
      expect(await logout({ input, token })).toEqual({ revoked: false });
      expect(await whatWorks(api, signedIn)).toEqual({ me: false, refresh: false });
    }
  });

  test('ends a session by its expired access token', async () => {
    const signedIn = await register(api);
    t.clock.advance(901);
    expect(await logout({ token: signedIn.accessToken })).toEqual({ revoked: true });
    expect(refusalOf(await refresh(api, signedIn.refreshToken))).toBe(refusals.sessionRevoked);
  });

  test('ends the session by a refresh token that was spent', async () => {
    const first = await register(api);
    const second = signedInOf(await refresh(api, first.refreshToken));
    expect(await logout({ input: { refreshToken: first.refreshToken } })).toEqual({
      revoked: true,
    });
    expect(await whatWorks(api, second)).toEqual({ me: false, refresh: false });
  });

  test('ends that session alone', async () => {
    const phone = await register(api);
    const laptop = await login(api, phone.user.email);
    await logout({ token: phone.accessToken });
    expect(await whatWorks(api, phone)).toEqual({ me: false, refresh: false });
    expect(await whatWorks(api, laptop)).toEqual({ me: true, refresh: true });
  });

  test('R-11: answers nothing in nobody’s name the same as ever', async () => {
    const bystander = await register(api);
    const sid = String(decodeJwt(bystander.accessToken)['sid']).replaceAll('-', '');
    const madeUp = Buffer.concat([Buffer.of(1), Buffer.from(sid, 'hex'), Buffer.alloc(37)]);
    expect(await logout({})).toEqual({ revoked: false });
    expect(await logout({ input: { refreshToken: 'garbage' } })).toEqual({ revoked: false });
    expect(await logout({ token: 'garbage' })).toEqual({ revoked: false });
    expect(await logout({ token: t.forge.signedByStranger(bystander.accessToken) })).toEqual({
      revoked: false,
    });
    const refreshToken = madeUp.toString('base64url');
    expect(await logout({ input: { refreshToken } })).toEqual({ revoked: false });
    expect(await whatWorks(api, bystander)).toEqual({ me: true, refresh: true });
  });

  test("R-13: ends nobody's session by two people's credentials", async () => {
    const [one, other] = [await register(api), await register(api)];
    const answer = await api.mutate('auth.logout', {
      input: { refreshToken: one.refreshToken },
      token: other.accessToken,
    });
    expect(refusalOf(answer)).toBe(refusals.tokenInvalid);
    expect(await whatWorks(api, one)).toEqual({ me: true, refresh: true });
    expect(await whatWorks(api, other)).toEqual({ me: true, refresh: true });
  });

  test('is in the list of sessions no more', async () => {
    const phone = await register(api);
    const laptop = await login(api, phone.user.email);
    await logout({ token: phone.accessToken });
    const sessions = sessionsOf(await api.query('session.list', { token: laptop.accessToken }));
    expect(sessions.map(({ current }) => current)).toEqual([true]);
  });
});
