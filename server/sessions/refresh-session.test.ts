import { expect, test } from 'vitest';
import { createTestLatchkey, testPassword } from '../testing/create-test-latchkey.ts';
import { refreshSession } from './refresh-session.ts';
import { revokeSessions } from './revoke-sessions.ts';

const day = 86_400;
const origin = { ip: '203.0.113.9', userAgent: 'curl/8' };

/** A Latchkey in which somebody is signed in. */
async function createSetup(options: Parameters<typeof createTestLatchkey>[0] = {}) {
  const t = await createTestLatchkey(options);
  const { accounts } = t.composition;
  const signedIn = await t.signInAs();
  return {
    ...t,
    accounts,
    ...signedIn,
    refresh: (token: string) => refreshSession(accounts, token, origin),
    liveSessions: () => accounts.store.listSessions(signedIn.user.id, t.clock.now()),
    eventsOf: async (type: string) => accounts.store.listAuditEvents({ type, limit: 10 }),
  };
}

test('each token has one successor, and the chain goes on', async () => {
  await using t = await createSetup();
  const tokens = new Set([t.refreshToken]);
  let token = t.refreshToken;
  for (let round = 0; round < 5; round += 1) {
    t.clock.advance(3_600);
    ({ refreshToken: token } = await t.refresh(token));
    tokens.add(token);
  }
  expect(tokens.size).toBe(6);
  expect(await t.liveSessions()).toHaveLength(1);
});

test('however many ask at once, there is one successor', async () => {
  await using t = await createSetup();
  const answers = await Promise.all(Array.from({ length: 32 }, () => t.refresh(t.refreshToken)));
  const [first, ...others] = new Set(answers.map(({ refreshToken }) => refreshToken));
  expect(others).toEqual([]);
  expect(first).not.toBe(t.refreshToken);
  await expect(t.refresh(first!)).resolves.toMatchObject({ expiresIn: 900 });
});

test('an answer that was lost is given again within the grace, and not after', async () => {
  await using t = await createSetup({ refreshGraceSeconds: 10 });
  const lost = await t.refresh(t.refreshToken);
  t.clock.advance(9.999);
  expect((await t.refresh(t.refreshToken)).refreshToken).toBe(lost.refreshToken);
  t.clock.advance(0.001);
  await expect(t.refresh(t.refreshToken)).rejects.toMatchObject({ reason: 'refresh_reused' });
});

test('without a grace a token works once', async () => {
  await using t = await createSetup({ refreshGraceSeconds: 0 });
  await t.refresh(t.refreshToken);
  await expect(t.refresh(t.refreshToken)).rejects.toMatchObject({ reason: 'refresh_reused' });
});

test('a reuse ends the session, is written down once, and answers as ended from then on', async () => {
  await using t = await createSetup();
  const successor = await t.refresh(t.refreshToken);
  t.clock.advance(11);
  await expect(t.refresh(t.refreshToken)).rejects.toMatchObject({ reason: 'refresh_reused' });
  for (const token of [t.refreshToken, successor.refreshToken]) {
    await expect(t.refresh(token)).rejects.toMatchObject({ reason: 'session_revoked' });
  }
  const [event, ...more] = await t.eventsOf('session.refresh_reused');
  expect(more).toEqual([]);
  expect(event).toMatchObject({ actorId: null, userId: t.user.id, ...origin });
  expect(event?.sessionId).toBe(await t.accounts.accessTokens.findSessionId(t.accessToken));
});

test('the token before the last is a reuse, even within the grace', async () => {
  await using t = await createSetup();
  const { refreshToken } = await t.refresh(t.refreshToken);
  await t.refresh(refreshToken);
  await expect(t.refresh(t.refreshToken)).rejects.toMatchObject({ reason: 'refresh_reused' });
});

test.each([
  ['nothing', () => ''],
  ['a made-up token', () => 'A'.repeat(72)],
  [
    'a token with another character',
    (token: string) => token.slice(0, 40) + (token[40] === 'A' ? 'B' : 'A') + token.slice(41),
  ],
  [
    'a spent counter that was made up',
    (token: string) => {
      const bytes = Buffer.from(token, 'base64url');
      bytes.writeUIntBE(999, 17, 5);
      return bytes.toString('base64url');
    },
  ],
])('%s is invalid and signs nobody out', async (_, forge) => {
  await using t = await createSetup();
  await t.refresh(t.refreshToken);
  t.clock.advance(60);
  await expect(t.refresh(forge(t.refreshToken))).rejects.toMatchObject({ reason: 'token_invalid' });
  expect(await t.liveSessions()).toHaveLength(1);
  expect(await t.eventsOf('session.refresh_reused')).toEqual([]);
});

test('a session that was revoked is not refreshed', async () => {
  await using t = await createSetup();
  const userId = t.user.id;
  const actor = { ...origin, userId, sessionId: null };
  await revokeSessions(t.accounts, { which: { userId }, actor, userId });
  await expect(t.refresh(t.refreshToken)).rejects.toMatchObject({ reason: 'session_revoked' });
});

test('a refresh moves the end of the idle lifetime, and never past the absolute one', async () => {
  await using t = await createSetup();
  const startedAt = t.clock.now();
  let token = t.refreshToken;
  for (const days of [13, 13]) {
    t.clock.advance(days * day);
    ({ refreshToken: token } = await t.refresh(token));
  }
  const [session] = await t.liveSessions();
  expect(session?.idleExpiresAt).toBe(startedAt + 30 * day * 1_000);
  t.clock.advance(4 * day);
  await expect(t.refresh(token)).rejects.toMatchObject({ reason: 'token_expired' });
});

test('a session that was not refreshed in time has expired', async () => {
  await using t = await createSetup();
  t.clock.advance(14 * day);
  await expect(t.refresh(t.refreshToken)).rejects.toMatchObject({ reason: 'token_expired' });
  expect(await t.eventsOf('session.refresh_reused')).toEqual([]);
});

test('a session remembers where it was refreshed from last', async () => {
  await using t = await createSetup();
  t.clock.advance(60);
  await t.refresh(t.refreshToken);
  const [session] = await t.liveSessions();
  expect(session).toMatchObject({ ...origin, lastSeenAt: t.clock.now() });
});

test('the new access token has the role that the user has now', async () => {
  await using t = await createSetup();
  const { admin } = await t.callerAs({ role: 'admin' });
  await admin.setRole({ userId: t.user.id, role: 'admin' });
  const { accessToken } = await t.refresh(t.refreshToken);
  expect(await t.accounts.accessTokens.verify(accessToken)).toMatchObject({
    role: 'admin',
    version: 1,
  });
});

test('where the application’s own claims fail nothing is spent', async () => {
  let isDown = false;
  const claims = () => {
    if (isDown) throw new Error('down');
    return {};
  };
  await using t = await createSetup({ refreshGraceSeconds: 0, claims });
  isDown = true;
  await expect(t.refresh(t.refreshToken)).rejects.toThrow('down');
  isDown = false;
  await expect(t.refresh(t.refreshToken)).resolves.toMatchObject({ expiresIn: 900 });
});

test('the application is asked for its claims once, and again for a role that changed meanwhile', async () => {
  const asked: string[] = [];
  await using t = await createSetup({
    claims: ({ role }) => {
      asked.push(role);
      return { may: role };
    },
  });
  asked.length = 0;
  const { refreshToken, ...first } = await t.refresh(t.refreshToken);
  expect(asked).toEqual(['user']);
  expect(await t.accounts.accessTokens.verify(first.accessToken)).toMatchObject({
    custom: { may: 'user' },
  });
  const { admin } = await t.callerAs({ role: 'admin' });
  const store: typeof t.accounts.store = {
    ...t.accounts.store,
    rotateSession: async (command) => {
      await admin.setRole({ userId: t.user.id, role: 'admin' });
      return t.accounts.store.rotateSession(command);
    },
  };
  const { accessToken } = await refreshSession({ ...t.accounts, store }, refreshToken, origin);
  expect(await t.accounts.accessTokens.verify(accessToken)).toMatchObject({
    role: 'admin',
    custom: { may: 'admin' },
  });
});

test('a session that is pruned meanwhile is not a session of ours any more', async () => {
  await using t = await createSetup();
  const store: typeof t.accounts.store = {
    ...t.accounts.store,
    rotateSession: async (command) => {
      await t.accounts.store.pruneSessions({ before: Number.MAX_SAFE_INTEGER, limit: 100 });
      return t.accounts.store.rotateSession(command);
    },
  };
  await expect(
    refreshSession({ ...t.accounts, store }, t.refreshToken, origin),
  ).rejects.toMatchObject({ reason: 'token_invalid' });
});

test('the session of a deleted user has ended', async () => {
  await using t = await createSetup();
  const ada = await t.callerAs({ email: t.user.email });
  await ada.user.delete({ password: testPassword });
  await expect(t.refresh(t.refreshToken)).rejects.toMatchObject({ reason: 'session_revoked' });
});
