import { expect, test } from 'vitest';
import { createTestLatchkey } from '../testing/create-test-latchkey.ts';
import {
  assertOneSession,
  endSession,
  findReplaced,
  type SessionCredentials,
} from './end-session.ts';
import { refreshSession } from './refresh-session.ts';

const nothing: SessionCredentials = {
  refreshToken: null,
  accessToken: null,
  otherRefreshToken: null,
};
const stranger = { userId: null, sessionId: null, ip: '203.0.113.9', userAgent: null };

async function createSetup() {
  const t = await createTestLatchkey();
  const { accounts } = t.composition;
  const signedIn = await t.signInAs();
  return {
    ...t,
    accounts,
    ...signedIn,
    end: (credentials: Partial<SessionCredentials>) =>
      endSession(accounts, { ...nothing, ...credentials }, stranger),
    isLive: async () =>
      (await accounts.store.listSessions(signedIn.user.id, t.clock.now())).length > 0,
    events: () => accounts.store.listAuditEvents({ type: 'session.ended', limit: 10 }),
  };
}

test('the refresh token ends its session, once, and it is written down whose it was', async () => {
  await using t = await createSetup();
  expect(await t.end({ refreshToken: t.refreshToken })).toBe(true);
  expect(await t.isLive()).toBe(false);
  expect(await t.end({ refreshToken: t.refreshToken })).toBe(false);
  const [event, ...more] = await t.events();
  expect(more).toEqual([]);
  expect(event).toMatchObject({ actorId: t.user.id, userId: t.user.id, ip: '203.0.113.9' });
  expect(event?.sessionId).toBe(await t.accounts.accessTokens.findSessionId(t.accessToken));
});

test('a spent refresh token will do: who has it wants out', async () => {
  await using t = await createSetup();
  await refreshSession(t.accounts, t.refreshToken, stranger);
  t.clock.advance(3_600);
  expect(await t.end({ refreshToken: t.refreshToken })).toBe(true);
  expect(await t.isLive()).toBe(false);
});

test('an access token ends its session, even after it expired', async () => {
  await using t = await createSetup();
  t.clock.advance(900);
  expect(await t.end({ accessToken: t.accessToken })).toBe(true);
  expect(await t.isLive()).toBe(false);
});

test('what this server did not make ends nothing', async () => {
  await using t = await createSetup();
  const last = t.refreshToken.endsWith('A') ? 'B' : 'A';
  expect(await t.end({})).toBe(false);
  expect(await t.end({ refreshToken: 'made up' })).toBe(false);
  expect(await t.end({ refreshToken: t.refreshToken.slice(0, -1) + last })).toBe(false);
  expect(await t.end({ accessToken: t.forge.signedByStranger(t.accessToken) })).toBe(false);
  expect(await t.isLive()).toBe(true);
  expect(await t.events()).toEqual([]);
});

test('what names no session asks the store to end nothing', async () => {
  await using t = await createSetup();
  const store: typeof t.accounts.store = {
    ...t.accounts.store,
    revokeSessions: () => Promise.reject(new Error('asked')),
  };
  for (const refreshToken of [null, 'made up', 'A'.repeat(72)]) {
    const credentials = { ...nothing, refreshToken };
    expect(await endSession({ ...t.accounts, store }, credentials, stranger)).toBe(false);
  }
});

test('a session ends even when its user has just gone', async () => {
  await using t = await createSetup();
  const store: typeof t.accounts.store = {
    ...t.accounts.store,
    findSession: async (id) => {
      const found = await t.accounts.store.findSession(id);
      return found && { ...found, user: null };
    },
  };
  const credentials = { ...nothing, accessToken: t.accessToken };
  expect(await endSession({ ...t.accounts, store }, credentials, stranger)).toBe(true);
  expect(await t.isLive()).toBe(false);
  expect(await t.events()).toMatchObject([{ actorId: null, userId: null }]);
});

test('a made-up refresh token is not made up for by an access token', async () => {
  await using t = await createSetup();
  const credentials = { refreshToken: 'made up', accessToken: t.accessToken };
  expect(await t.end(credentials)).toBe(false);
  expect(await t.isLive()).toBe(true);
});

test('a session that expired by itself is not ended again', async () => {
  await using t = await createSetup();
  t.clock.advance(15 * 86_400);
  expect(await t.end({ refreshToken: t.refreshToken })).toBe(false);
});

test('all that a call brings has to belong to one session', async () => {
  await using t = await createSetup();
  const other = await t.signInAs();
  const check = (credentials: Partial<SessionCredentials>) =>
    assertOneSession(t.accounts, { ...nothing, ...credentials });
  const { refreshToken, accessToken } = t;
  await check({});
  await check({ refreshToken, accessToken, otherRefreshToken: refreshToken });
  await check({ refreshToken, accessToken: 'made up', otherRefreshToken: 'made up' });
  for (const mixed of [
    { refreshToken, accessToken: other.accessToken },
    { refreshToken, otherRefreshToken: other.refreshToken },
    { refreshToken: other.refreshToken, accessToken, otherRefreshToken: refreshToken },
  ]) {
    await expect(check(mixed)).rejects.toMatchObject({ reason: 'token_invalid' });
  }
});

test('a session that a sign-in replaces is told from its refresh token alone', async () => {
  await using t = await createSetup();
  const last = t.refreshToken.endsWith('A') ? 'B' : 'A';
  for (const token of ['made up', t.refreshToken.slice(0, -1) + last, t.accessToken]) {
    expect(await findReplaced(t.accounts, token, stranger)).toBeNull();
  }
  const sessionId = await t.accounts.accessTokens.findSessionId(t.accessToken);
  const replaced = await findReplaced(t.accounts, t.refreshToken, stranger);
  expect(replaced?.sessionId).toBe(sessionId);
  expect(replaced?.event()).toMatchObject({
    type: 'session.ended',
    actorId: t.user.id,
    userId: t.user.id,
    sessionId,
    ip: '203.0.113.9',
  });
  expect(await t.isLive()).toBe(true);
});
