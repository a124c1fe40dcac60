import { expect, test } from 'vitest';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';
import { createApi, errorOf, goodPassword, login, refusalOf, refusals, register } from './api.ts';

test('a password does not age', async () => {
  await using t = await createTestLatchkey();
  const api = createApi((await t.serve()).url);
  const { user } = await register(api);
  t.clock.advance(10 * 365 * 86_400);
  expect((await login(api, user.email)).user.id).toBe(user.id);
});

test('words of the place and the name of its host are no password, and no part of a short one', async () => {
  await using t = await createTestLatchkey({
    url: 'https://login.zephyrium.example',
    passwordWords: ['acmecorp'],
  });
  const api = createApi((await t.serve()).url);
  const person = await register(api);
  for (const password of ['acmecorp-1850', 'Zephyrium2027!', 'login.zephyrium']) {
    const answers = [
      await api.mutate('auth.register', { input: { email: 'word@passwords.example', password } }),
      await api.mutate('user.changePassword', {
        token: person.accessToken,
        input: { currentPassword: goodPassword, newPassword: password },
      }),
    ];
    for (const answer of answers) {
      expect(refusalOf(answer)).toBe(refusals.weakPassword);
      expect(errorOf(answer).data.detail).toBe('common');
    }
    const secret = { password };
    const created = t.latchkey.createUser({ email: 'word@passwords.example', secret });
    await expect(created).rejects.toMatchObject({ reason: 'weak_password' });
  }
  const input = { email: 'word@passwords.example', password: 'the acmecorp of zephyrium' };
  expect((await api.mutate('auth.register', { input })).status).toBe(200);
});
