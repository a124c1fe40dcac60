import { expect, test } from 'vitest';
import { createTestLatchkey } from '../testing/create-test-latchkey.ts';
import { createSession, issueTokens } from './start-session.ts';

const day = 86_400;
const origin = { ip: '203.0.113.9', userAgent: 'curl/8' };

test('a session begins now and ends when the settings say', async () => {
  await using t = await createTestLatchkey();
  const now = t.clock.now();
  expect(createSession(t.composition.accounts, 'ada', origin)).toMatchObject({
    userId: 'ada',
    counter: 0,
    createdAt: now,
    lastSeenAt: now,
    rotatedAt: now,
    expiresAt: now + 30 * day * 1_000,
    idleExpiresAt: now + 14 * day * 1_000,
    revokedAt: null,
    ...origin,
  });
});

test('a session is never idle for longer than it lives', async () => {
  await using t = await createTestLatchkey();
  const { sessionSettings } = t.composition.accounts;
  const parts = {
    ...t.composition.accounts,
    sessionSettings: { ...sessionSettings, ttlMs: 60_000 },
  };
  const { idleExpiresAt, expiresAt } = createSession(parts, 'ada', origin);
  expect(idleExpiresAt).toBe(expiresAt);
});

test('no two sessions share an id or a key', async () => {
  await using t = await createTestLatchkey();
  const [a, b] = [1, 2].map(() => createSession(t.composition.accounts, 'ada', origin));
  expect(a?.id).not.toBe(b?.id);
  expect(a?.sealedTokenKey).not.toEqual(b?.sealedTokenKey);
});

test('tokens fit the session and the user as they are now', async () => {
  await using t = await createTestLatchkey({ claims: ({ role }) => ({ may: role }) });
  const { accounts } = t.composition;
  const { user } = await t.signInAs({ role: 'admin' });
  const record = await accounts.store.findUser(user.id);
  const session = createSession(accounts, user.id, origin);
  const signedIn = await issueTokens(accounts, session, record!);
  expect(await accounts.accessTokens.verify(signedIn.accessToken)).toEqual({
    userId: user.id,
    sessionId: session.id,
    role: 'admin',
    version: 0,
    custom: { may: 'admin' },
  });
  expect(accounts.refreshTokens.parse(signedIn.refreshToken)?.sessionId).toBe(session.id);
  expect(signedIn).toMatchObject({ expiresIn: 900, refreshTokenExpiresAt: session.idleExpiresAt });
});

test('an access token does not outlive its session', async () => {
  await using t = await createTestLatchkey({ sessionTtlSeconds: 60, sessionIdleTtlSeconds: 60 });
  const { accounts } = t.composition;
  const { user } = await t.signInAs();
  const session = createSession(accounts, user.id, origin);
  const record = await accounts.store.findUser(user.id);
  expect((await issueTokens(accounts, session, record!)).expiresIn).toBeLessThanOrEqual(60);
});

test('a further sign-in ends the oldest session beyond the most that a user may have', async () => {
  await using t = await createTestLatchkey({ maxSessionsPerUser: 2 });
  const user = { email: 'ada@test.example' };
  const sessions = [];
  for (let round = 0; round < 3; round += 1) {
    sessions.push(await t.signInAs(user));
    t.clock.advance(1);
  }
  const { accessTokens, store } = t.composition.accounts;
  const ids = await Promise.all(
    sessions.map(async ({ accessToken }) => accessTokens.findSessionId(accessToken)),
  );
  const live = await store.listSessions(sessions[0]!.user.id, t.clock.now());
  expect(live.map(({ id }) => id)).toEqual([ids[2], ids[1]]);
});
