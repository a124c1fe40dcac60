import { expect, test } from 'vitest';
import { createTestLatchkey } from '../testing/create-test-latchkey.ts';
import { updateProfile } from './update-profile.ts';

/** Ada, who has a username and a name. */
async function createSetup() {
  const t = await createTestLatchkey();
  const { accounts } = t.composition;
  const { user } = await t.signInAs();
  const actor = { userId: user.id, sessionId: 's', ip: null, userAgent: null };
  const update = (input: Parameters<typeof updateProfile>[2]) =>
    updateProfile(accounts, actor, input);
  await update({ username: 'ada', name: 'Ada' });
  return {
    ...t,
    accounts,
    user,
    update,
    events: () => accounts.store.listAuditEvents({ type: 'user.updated', limit: 10 }),
  };
}

test('what is absent stays and null clears', async () => {
  await using t = await createSetup();
  t.clock.advance(60);
  const changed = await t.update({ name: 'Ada Lovelace', username: undefined });
  expect(changed).toMatchObject({
    username: 'ada',
    name: 'Ada Lovelace',
    updatedAt: t.clock.now(),
  });
  expect(await t.update({ username: null })).toMatchObject({
    username: null,
    name: 'Ada Lovelace',
  });
  expect(await t.accounts.store.findUser(t.user.id)).toMatchObject({
    username: null,
    name: 'Ada Lovelace',
  });
});

test('it is written down which fields changed, and not what to', async () => {
  await using t = await createSetup();
  await t.update({ name: 'hunter2', username: undefined });
  const [event] = await t.events();
  expect(event).toMatchObject({ actorId: t.user.id, detail: { changed: ['name'] } });
  expect(JSON.stringify(event)).not.toContain('hunter2');
});

test('nothing asked, nothing changed', async () => {
  await using t = await createSetup();
  const before = await t.accounts.store.findUser(t.user.id);
  t.clock.advance(60);
  expect(await t.update({})).toEqual(before);
  expect(await t.update({ name: undefined })).toEqual(before);
  expect(await t.events()).toHaveLength(1);
});

test('a username is one person’s', async () => {
  await using t = await createSetup();
  await t.latchkey.createUser({
    email: 'b@test.example',
    username: 'bob',
    secret: { password: 'correct horse battery' },
  });
  await expect(t.update({ username: 'bob' })).rejects.toMatchObject({ reason: 'username_taken' });
  await expect(t.update({ username: 'ada' })).resolves.toMatchObject({ username: 'ada' });
});

test('who was deleted meanwhile is signed out', async () => {
  await using t = await createSetup();
  const actor = { userId: 'gone', sessionId: 's', ip: null, userAgent: null };
  await expect(updateProfile(t.accounts, actor, { name: 'x' })).rejects.toMatchObject({
    reason: 'session_revoked',
  });
});
