import { decodeJwt } from 'jose';
import { afterAll, describe, expect, test } from 'vitest';
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
  signedInOf,
  userOf,
  valueOf,
  whatWorks,
} from './api.ts';
import { like } from './like.ts';

const t = await createTestLatchkey();
const api = createApi((await t.serve()).url);
afterAll(() => t.close());

describe('user.me', () => {
  test('answers the user, as registering did', async () => {
    const { accessToken, user } = await register(api, { username: 'my-self', name: 'Me' });
    expect(await me(api, accessToken)).toEqual(user);
  });

  test('takes no input: whoever asks for another is refused, and nothing is nothing', async () => {
    const [one, other] = [await register(api), await register(api)];
    const ask = (input: unknown) => api.query('user.me', { token: one.accessToken, input });
    for (const input of [{}, null]) expect(userOf(await ask(input))).toEqual(one.user);
    for (const input of [{ userId: other.user.id }, other.user.id, []]) {
      expect(refusalOf(await ask(input))).toBe(refusals.invalidInput);
    }
  });

  test('Z-13: believes no header that says who calls', async () => {
    const [one, other] = [await register(api), await register(api)];
    const headers = {
      'x-user-id': other.user.id,
      'x-role': 'admin',
      'x-admin': '1',
      'x-middleware-subrequest': 'middleware',
      'x-forwarded-user': other.user.email,
    };
    const answer = await api.query('user.me', { token: one.accessToken, headers });
    expect(valueOf(answer)).toEqual(one.user);
    expect(refusalOf(await api.query('user.me', { headers }))).toBe(refusals.tokenMissing);
  });

  test('Z-18: answers each of many callers at once with themselves', async () => {
    const people = await Promise.all(Array.from({ length: 10 }, () => register(api)));
    const calls = Array.from({ length: 20 }, () => people).flat();
    const answers = await Promise.all(calls.map(({ accessToken }) => me(api, accessToken)));
    expect(answers.map(({ id }) => id)).toEqual(calls.map(({ user }) => user.id));
  });
});

describe('user.update', () => {
  test('changes what is given, clears by null, and leaves the rest', async () => {
    const { accessToken: token, user } = await register(api, { username: 'before', name: 'Old' });
    const update = async (input: unknown) =>
      userOf(await api.mutate('user.update', { token, input }));
    t.clock.advance(1);
    const updatedAt = new Date(t.clock.now()).toISOString();
    expect(await update({ name: 'Ne\u0301w' })).toEqual({ ...user, name: 'N\u00e9w', updatedAt });
    expect(await update({ username: 'After' })).toMatchObject({
      username: 'after',
      name: 'N\u00e9w',
    });
    expect(await update({ name: null, username: null })).toMatchObject({
      name: null,
      username: null,
    });
    expect(await me(api, token)).toEqual({ ...user, name: null, username: null, updatedAt });
  });

  test('changes nothing by an empty change', async () => {
    const { accessToken: token, user } = await register(api);
    t.clock.advance(1);
    expect(valueOf(await api.mutate('user.update', { token, input: {} }))).toEqual(user);
  });

  test('leaves a username to its holder', async () => {
    await register(api, { username: 'holder' });
    const { accessToken: token } = await register(api);
    const answer = await api.mutate('user.update', { token, input: { username: 'HOLDER' } });
    expect(refusalOf(answer)).toBe(refusals.usernameTaken);
    expect((await me(api, token)).username).toBe(null);
  });

  test.each([
    ['role', 'admin'],
    ['email', 'other@mass.example'],
    ['emailVerified', true],
    ['status', 'active'],
    ['id', 'x'],
    ['userId', 'x'],
    ['passwordHash', 'x'],
    ['authorizationVersion', 0],
  ])('Z-09: refuses the key %s, and changes nothing', async (key, value) => {
    const { accessToken: token, user } = await register(api);
    const answer = await api.mutate('user.update', { token, input: { name: 'X', [key]: value } });
    expect(refusalOf(answer)).toBe(refusals.invalidInput);
    expect(await me(api, token)).toEqual(user);
  });

  test.each([
    ['a name of 101 characters', { name: 'x'.repeat(101) }],
    ['an empty name', { name: '  ' }],
    ['a line feed in a name', { name: 'a\nb' }],
    ['a NUL in a name', { name: 'a\0b' }],
    ['a direction override in a name', { name: 'a\u202eb' }],
    ['a username of one character', { username: 'a' }],
    ['a username of 33 characters', { username: 'a'.repeat(33) }],
    ['a username that looks like an address', { username: 'a@b.example' }],
    ['a username in other letters', { username: 'аdmin' }],
    ['a username with a space', { username: 'a b' }],
    ['a number for a name', { name: 7 }],
  ])('refuses %s', async (_name, input) => {
    const { accessToken: token } = await register(api);
    expect(refusalOf(await api.mutate('user.update', { token, input }))).toBe(
      refusals.invalidInput,
    );
  });
});

describe('user.changePassword', () => {
  const newPassword = 'another battery staple horse';

  function change(token: string, input: object) {
    return api.mutate('user.changePassword', { token, input });
  }

  test('answers an AuthResult of the same session, and ends every other one', async () => {
    const here = await register(api);
    const there = await login(api, here.user.email);
    const bystander = await register(api);
    t.clock.advance(1);
    const changed = signedInOf(
      await change(here.accessToken, { currentPassword: goodPassword, newPassword }),
    );
    expect(changed).toEqual({
      accessToken: like.accessToken,
      tokenType: 'Bearer',
      expiresIn: 900,
      refreshToken: like.refreshToken,
      user: { ...here.user, updatedAt: new Date(t.clock.now()).toISOString() },
    });
    expect(decodeJwt(changed.accessToken)['sid']).toBe(decodeJwt(here.accessToken)['sid']);
    expect(refusalOf(await api.query('user.me', { token: there.accessToken }))).toBe(
      refusals.sessionRevoked,
    );
    expect(refusalOf(await refresh(api, there.refreshToken))).toBe(refusals.sessionRevoked);
    expect(refusalOf(await refresh(api, here.refreshToken))).toBe(refusals.tokenInvalid);
    expect(await whatWorks(api, changed)).toEqual({ me: true, refresh: true });
    expect(await whatWorks(api, bystander)).toEqual({ me: true, refresh: true });
  });

  test('the new password signs in, the old one no more', async () => {
    const { accessToken, user } = await register(api);
    valueOf(await change(accessToken, { currentPassword: goodPassword, newPassword }));
    const input = { email: user.email, password: newPassword };
    expect((await api.mutate('auth.login', { input })).status).toBe(200);
    const old = { email: user.email, password: goodPassword };
    expect(refusalOf(await api.mutate('auth.login', { input: old }))).toBe(
      refusals.invalidCredentials,
    );
  });

  test('changes nothing without the current password, or for a weak one', async () => {
    const here = await register(api);
    const there = await login(api, here.user.email);
    const wrong = { currentPassword: newPassword, newPassword };
    expect(refusalOf(await change(here.accessToken, wrong))).toBe(refusals.invalidCredentials);
    const weak = { currentPassword: goodPassword, newPassword: 'too short' };
    const refused = await change(here.accessToken, weak);
    expect(refusalOf(refused)).toBe(refusals.weakPassword);
    expect(errorOf(refused).data.detail).toBe('too_short');
    const unknownKey = { currentPassword: goodPassword, newPassword, userId: there.user.id };
    expect(refusalOf(await change(here.accessToken, unknownKey))).toBe(refusals.invalidInput);
    expect(await whatWorks(api, here)).toEqual({ me: true, refresh: true });
    expect(await whatWorks(api, there)).toEqual({ me: true, refresh: true });
    await login(api, here.user.email);
  });

  test('R-15: of a change and refreshes at once, no other session survives', async () => {
    for (let round = 0; round < 5; round += 1) {
      const here = await register(api);
      const there = await login(api, here.user.email);
      const [changed, ...refreshed] = await Promise.all([
        change(here.accessToken, { currentPassword: goodPassword, newPassword }),
        ...Array.from({ length: 4 }, () => refresh(api, there.refreshToken)),
      ]);
      const kept = signedInOf(changed);
      for (const answer of refreshed.filter(({ status }) => status === 200)) {
        const works = await whatWorks(api, signedInOf(answer));
        expect(works).toEqual({ me: false, refresh: false });
      }
      expect(await whatWorks(api, kept)).toEqual({ me: true, refresh: true });
    }
  });
});

describe('user.delete', () => {
  test('deletes the account, and everything that was signed in to it', async () => {
    const here = await register(api, { username: 'to-be-gone' });
    const there = await login(api, here.user.email);
    const answer = await api.mutate('user.delete', {
      token: here.accessToken,
      input: { password: goodPassword },
    });
    expect(valueOf(answer)).toEqual({ deleted: true });
    for (const { accessToken, refreshToken } of [here, there]) {
      expect(refusalOf(await api.query('user.me', { token: accessToken }))).toBe(
        refusals.sessionRevoked,
      );
      expect(refusalOf(await refresh(api, refreshToken))).toBe(refusals.sessionRevoked);
    }
    const input = { email: here.user.email, password: goodPassword };
    expect(refusalOf(await api.mutate('auth.login', { input }))).toBe(refusals.invalidCredentials);
  });

  test('Z-06: a deleted user is refused at every procedure', async () => {
    const gone = await t.signInAs({ role: 'admin' });
    await t.signInAs({ role: 'admin' });
    const { accessToken: token } = gone;
    const input = { password: testPassword };
    expect(valueOf(await api.mutate('user.delete', { token, input }))).toEqual({ deleted: true });
    for (const path of ['user.me', 'session.list', 'admin.listUsers']) {
      expect(refusalOf(await api.query(path, { token }))).toBe(refusals.sessionRevoked);
    }
    for (const path of ['session.revokeAll', 'admin.rotateKeys', 'user.delete']) {
      expect(refusalOf(await api.mutate(path, { token }))).toBe(refusals.sessionRevoked);
    }
  });

  test('frees address and username', async () => {
    const first = await register(api, { username: 'reborn' });
    await api.mutate('user.delete', {
      token: first.accessToken,
      input: { password: goodPassword },
    });
    const second = await register(api, { email: first.user.email, username: 'reborn' });
    expect(second.user.id).not.toBe(first.user.id);
    expect(refusalOf(await api.query('user.me', { token: first.accessToken }))).toBe(
      refusals.sessionRevoked,
    );
  });

  test('keeps everything without the password', async () => {
    const signedIn = await register(api);
    for (const input of [{ password: 'wrong' }, {}, undefined, { password: '' }]) {
      const answer = await api.mutate('user.delete', { token: signedIn.accessToken, input });
      expect([400, 401]).toContain(answer.status);
    }
    expect(await whatWorks(api, signedIn)).toEqual({ me: true, refresh: true });
  });
});
