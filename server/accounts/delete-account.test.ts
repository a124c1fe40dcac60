import { expect, test } from 'vitest';
import { authenticate } from '../sessions/authenticate.ts';
import { refreshSession } from '../sessions/refresh-session.ts';
import { createTestLatchkey, testPassword } from '../testing/create-test-latchkey.ts';
import { deleteAccount } from './delete-account.ts';
import { register } from './register.ts';

const email = 'ada@test.example';
const origin = { ip: '203.0.113.9', userAgent: 'curl/8' };

async function createSetup(role: 'user' | 'admin' = 'user') {
  const t = await createTestLatchkey();
  const { accounts } = t.composition;
  const signedIn = await t.signInAs({ email, role });
  const { sessionId } = await accounts.accessTokens.verify(signedIn.accessToken);
  const actor = { ...origin, userId: signedIn.user.id, sessionId };
  return {
    ...t,
    accounts,
    ...signedIn,
    sessionId,
    remove: (password: string) => deleteAccount(accounts, actor, { password }),
  };
}

test('an account that was deleted is gone, with its sessions', async () => {
  await using t = await createSetup();
  await t.remove(testPassword);
  expect(await t.accounts.store.findUser(t.user.id)).toBeNull();
  expect(await t.accounts.store.findCredential({ email })).toBeNull();
  const ended = { reason: 'session_revoked' };
  await expect(authenticate(t.accounts, t.accessToken)).rejects.toMatchObject(ended);
  await expect(refreshSession(t.accounts, t.refreshToken, origin)).rejects.toMatchObject(ended);
});

test('what is left says that it happened, and nothing of where the person was', async () => {
  await using t = await createSetup();
  await t.remove(testPassword);
  const [event] = await t.accounts.store.listAuditEvents({ limit: 1 });
  expect(event).toMatchObject({ type: 'user.deleted', actorId: t.user.id, userId: t.user.id });
  const found = await t.accounts.store.findSession(t.sessionId);
  expect(found).toMatchObject({ user: null, session: { userId: null, ip: null, userAgent: null } });
});

test('the address is free again, for somebody else', async () => {
  await using t = await createSetup();
  await t.remove(testPassword);
  const { user } = await register(t.accounts, { email, password: testPassword }, origin);
  expect(user.id).not.toBe(t.user.id);
  await expect(authenticate(t.accounts, t.accessToken)).rejects.toMatchObject({
    reason: 'session_revoked',
  });
});

test('a wrong password deletes nothing', async () => {
  await using t = await createSetup();
  await expect(t.remove('wrong')).rejects.toMatchObject({ reason: 'invalid_credentials' });
  await expect(authenticate(t.accounts, t.accessToken)).resolves.toMatchObject({});
});

test('the last admin stays', async () => {
  await using t = await createSetup('admin');
  await expect(t.remove(testPassword)).rejects.toMatchObject({ reason: 'last_admin' });
  await t.signInAs({ role: 'admin' });
  await expect(t.remove(testPassword)).resolves.toBeUndefined();
});
