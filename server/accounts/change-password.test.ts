import { expect, test } from 'vitest';
import { refreshSession } from '../sessions/refresh-session.ts';
import { createTestLatchkey, testPassword } from '../testing/create-test-latchkey.ts';
import { changePassword } from './change-password.ts';
import { login } from './login.ts';

const email = 'kovalevskaya@test.example';
const newPassword = 'correct horse battery';
const origin = { ip: '203.0.113.9', userAgent: null };

/** A user who is signed in twice. */
async function createSetup() {
  const t = await createTestLatchkey();
  const { accounts } = t.composition;
  const here = await t.signInAs({ email });
  const there = await t.signInAs({ email });
  const { sessionId } = await accounts.accessTokens.verify(here.accessToken);
  const actor = { ...origin, userId: here.user.id, sessionId };
  return {
    ...t,
    accounts,
    here,
    there,
    sessionId,
    liveSessions: async () =>
      (await accounts.store.listSessions(here.user.id, t.clock.now())).map(({ id }) => id),
    change: (currentPassword: string, password = newPassword) =>
      changePassword(accounts, actor, { currentPassword, newPassword: password }),
  };
}

test('the new password signs in, the old one does not, and it is written down', async () => {
  await using t = await createSetup();
  await t.change(testPassword);
  await expect(login(t.accounts, { email, password: newPassword }, origin)).resolves.toMatchObject(
    {},
  );
  await expect(login(t.accounts, { email, password: testPassword }, origin)).rejects.toMatchObject({
    reason: 'invalid_credentials',
  });
  const [event] = await t.accounts.store.listAuditEvents({
    type: 'user.password_changed',
    limit: 1,
  });
  expect(event).toMatchObject({
    actorId: t.here.user.id,
    userId: t.here.user.id,
    sessionId: t.sessionId,
  });
});

test('every other session ends, and of this one only the new refresh token works', async () => {
  await using t = await createSetup();
  const { refreshToken } = await t.change(testPassword);
  expect(await t.liveSessions()).toEqual([t.sessionId]);
  for (const [token, reason] of [
    [t.here.refreshToken, 'token_invalid'],
    [t.there.refreshToken, 'session_revoked'],
  ] as const) {
    await expect(refreshSession(t.accounts, token, origin)).rejects.toMatchObject({ reason });
  }
  expect(await t.liveSessions()).toEqual([t.sessionId]);
  await expect(refreshSession(t.accounts, refreshToken, origin)).resolves.toMatchObject({});
});

test.each([
  ['invalid_credentials', 'wrong', newPassword],
  ['weak_password', testPassword, 'short'],
  ['weak_password', testPassword, 'kovalevskaya1'],
])('%s: nothing has changed', async (reason, currentPassword, password) => {
  await using t = await createSetup();
  await expect(t.change(currentPassword, password)).rejects.toMatchObject({ reason });
  expect(await t.liveSessions()).toHaveLength(2);
  await expect(login(t.accounts, { email, password: testPassword }, origin)).resolves.toMatchObject(
    {},
  );
  await expect(refreshSession(t.accounts, t.here.refreshToken, origin)).resolves.toMatchObject({});
});

test('a wrong current password is written down as a password check of the session', async () => {
  await using t = await createSetup();
  await t.change('wrong').catch(() => {});
  const [event] = await t.accounts.store.listAuditEvents({
    type: 'password_check.failed',
    limit: 1,
  });
  expect(event).toMatchObject({
    actorId: t.here.user.id,
    sessionId: t.sessionId,
    detail: { cause: 'wrong_password' },
  });
});

test('of two changes at once one counts', async () => {
  await using t = await createSetup();
  const passwords = ['correct horse battery one', 'correct horse battery two'];
  const outcomes = await Promise.allSettled(
    passwords.map((password) => t.change(testPassword, password)),
  );
  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  const signIns = await Promise.allSettled(
    passwords.map((password) => login(t.accounts, { email, password }, origin)),
  );
  expect(signIns.map(({ status }) => status)).toEqual(outcomes.map(({ status }) => status));
});
