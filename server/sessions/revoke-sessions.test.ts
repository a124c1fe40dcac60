import { expect, test } from 'vitest';
import { createTestLatchkey } from '../testing/create-test-latchkey.ts';
import { revokeSessions } from './revoke-sessions.ts';

/** Ada with three sessions, Bob with one. */
async function createSetup() {
  const t = await createTestLatchkey();
  const { accounts } = t.composition;
  const ada = { email: 'ada@test.example' };
  const { user } = await t.signInAs(ada);
  await t.signInAs(ada);
  await t.signInAs(ada);
  const bob = await t.signInAs();
  const sessionsOf = async (userId: string) =>
    (await accounts.store.listSessions(userId, t.clock.now())).map(({ id }) => id);
  const [current = '', ...others] = await sessionsOf(user.id);
  return {
    ...t,
    ada: user,
    bob: bob.user,
    current,
    others,
    sessionsOf,
    revoke: (which: Parameters<typeof revokeSessions>[1]['which']) => {
      const actor = { userId: user.id, sessionId: current, ip: null, userAgent: null };
      return revokeSessions(accounts, { which, actor, userId: user.id });
    },
    events: () => accounts.store.listAuditEvents({ type: 'session.revoked', limit: 10 }),
  };
}

test('one session', async () => {
  await using t = await createSetup();
  const sessionId = t.others[0]!;
  expect(await t.revoke({ sessionId, ofUserId: t.ada.id })).toBe(1);
  expect(await t.sessionsOf(t.ada.id)).toEqual([t.current, t.others[1]]);
  expect(await t.events()).toMatchObject([
    { actorId: t.ada.id, sessionId, detail: { revoked: 1 } },
  ]);
});

test('all sessions but one', async () => {
  await using t = await createSetup();
  expect(await t.revoke({ userId: t.ada.id, exceptSessionId: t.current })).toBe(2);
  expect(await t.sessionsOf(t.ada.id)).toEqual([t.current]);
  expect(await t.events()).toMatchObject([{ sessionId: null, detail: { revoked: 2 } }]);
});

test('all sessions of a user, and nobody else’s', async () => {
  await using t = await createSetup();
  expect(await t.revoke({ userId: t.ada.id })).toBe(3);
  expect(await t.sessionsOf(t.ada.id)).toEqual([]);
  expect(await t.sessionsOf(t.bob.id)).toHaveLength(1);
});

test('where nothing ends nothing is written down', async () => {
  await using t = await createSetup();
  const [sessionId = ''] = await t.sessionsOf(t.bob.id);
  expect(await t.revoke({ sessionId, ofUserId: t.ada.id })).toBe(0);
  expect(await t.revoke({ sessionId: 'unknown', ofUserId: t.ada.id })).toBe(0);
  expect(await t.sessionsOf(t.bob.id)).toEqual([sessionId]);
  expect(await t.events()).toEqual([]);
});
