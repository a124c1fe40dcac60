import { expect, test } from 'vitest';
import { authenticate } from '../sessions/authenticate.ts';
import { createTestLatchkey } from '../testing/create-test-latchkey.ts';
import { getUser, revokeUserSessions, setRole, setStatus } from './administer.ts';

/** An admin who acts, and a user who is signed in. */
async function createSetup() {
  const t = await createTestLatchkey();
  const { accounts } = t.composition;
  const { user: admin } = await t.signInAs({ role: 'admin' });
  const signedIn = await t.signInAs();
  return {
    ...t,
    accounts,
    admin,
    userId: signedIn.user.id,
    actor: { userId: admin.id, sessionId: 's', ip: '203.0.113.9', userAgent: null },
    whoIs: () => authenticate(accounts, signedIn.accessToken),
    lastEvent: async () => (await accounts.store.listAuditEvents({ limit: 1 }))[0],
  };
}

test('another role makes tokens stale at once', async () => {
  await using t = await createSetup();
  const { userId, actor } = t;
  expect(await setRole(t.accounts, { userId, role: 'admin', actor })).toMatchObject({
    role: 'admin',
  });
  await expect(t.whoIs()).rejects.toMatchObject({ reason: 'token_stale' });
  expect(await t.lastEvent()).toMatchObject({
    type: 'user.role_changed',
    actorId: t.admin.id,
    userId,
    detail: { role: 'admin' },
  });
});

test('the same role changes nothing and is not written down', async () => {
  await using t = await createSetup();
  const { userId, actor } = t;
  const before = await t.lastEvent();
  await setRole(t.accounts, { userId, role: 'user', actor });
  await setStatus(t.accounts, { userId, status: 'active', actor });
  expect((await t.whoIs()).user.authorizationVersion).toBe(0);
  expect(await t.lastEvent()).toEqual(before);
});

test('disabling ends every session, and enabling revives none', async () => {
  await using t = await createSetup();
  const { userId, actor } = t;
  expect(await setStatus(t.accounts, { userId, status: 'disabled', actor })).toMatchObject({
    status: 'disabled',
  });
  await expect(t.whoIs()).rejects.toMatchObject({ reason: 'session_revoked' });
  expect(await t.lastEvent()).toMatchObject({ type: 'user.disabled', actorId: t.admin.id, userId });
  expect(await setStatus(t.accounts, { userId, status: 'active', actor })).toMatchObject({
    status: 'active',
  });
  await expect(t.whoIs()).rejects.toMatchObject({ reason: 'session_revoked' });
  expect(await t.lastEvent()).toMatchObject({ type: 'user.enabled', actorId: t.admin.id, userId });
});

test('the last active admin stays one', async () => {
  await using t = await createSetup();
  const { actor } = t;
  const userId = t.admin.id;
  const demote = () => setRole(t.accounts, { userId, role: 'user', actor });
  const disable = () => setStatus(t.accounts, { userId, status: 'disabled', actor });
  await expect(demote()).rejects.toMatchObject({ reason: 'last_admin' });
  await expect(disable()).rejects.toMatchObject({ reason: 'last_admin' });
  // An admin who is disabled does not count.
  await setRole(t.accounts, { userId: t.userId, role: 'admin', actor });
  await setStatus(t.accounts, { userId: t.userId, status: 'disabled', actor });
  await expect(demote()).rejects.toMatchObject({ reason: 'last_admin' });
  await setStatus(t.accounts, { userId: t.userId, status: 'active', actor });
  await expect(disable()).resolves.toMatchObject({ status: 'disabled' });
});

test('a user’s sessions can be ended, and it is said how many there were', async () => {
  await using t = await createSetup();
  const { userId, actor } = t;
  expect(await revokeUserSessions(t.accounts, { userId, actor })).toBe(1);
  await expect(t.whoIs()).rejects.toMatchObject({ reason: 'session_revoked' });
  expect(await revokeUserSessions(t.accounts, { userId, actor })).toBe(0);
});

test('nobody by that id is not found', async () => {
  await using t = await createSetup();
  const { actor } = t;
  const userId = t.composition.runtime.newId();
  const missing = { reason: 'not_found' };
  await expect(getUser(t.accounts, userId)).rejects.toMatchObject(missing);
  await expect(setRole(t.accounts, { userId, role: 'admin', actor })).rejects.toMatchObject(
    missing,
  );
  await expect(setStatus(t.accounts, { userId, status: 'disabled', actor })).rejects.toMatchObject(
    missing,
  );
  await expect(revokeUserSessions(t.accounts, { userId, actor })).rejects.toMatchObject(missing);
});
