import { expect, test } from 'vitest';
import type { SessionRecord, UserRecord } from '../../shared/records.ts';
import { createTestLatchkey, testPassword } from '../testing/create-test-latchkey.ts';
import { authenticate, recognise } from './authenticate.ts';
import { revokeSessions } from './revoke-sessions.ts';

const actor = { userId: null, sessionId: null, ip: null, userAgent: null };

async function createKit() {
  return createTestLatchkey({ claims: () => ({ tenant: 'acme' }) });
}

type Kit = Awaited<ReturnType<typeof createKit>>;

function principalOf(t: Kit, accessToken: string) {
  return authenticate(t.composition.accounts, accessToken);
}

test('a token leads to the user as stored, the session, and the claims of the application', async () => {
  await using t = await createKit();
  const { accessToken, user } = await t.signInAs({ email: 'ada@test.example' });
  const principal = await principalOf(t, accessToken);
  expect(principal.user).toMatchObject({ id: user.id, email: 'ada@test.example', role: 'user' });
  expect(principal.session).toMatchObject({ userId: user.id, revokedAt: null });
  expect(principal.claims).toEqual({ tenant: 'acme' });
});

test.each<[string, string, (t: Kit, userId: string) => Promise<unknown> | void]>([
  [
    'was revoked',
    'session_revoked',
    (t, userId) => revokeSessions(t.composition.accounts, { which: { userId }, actor, userId }),
  ],
  [
    'belongs to a disabled user',
    'session_revoked',
    async (t, userId) => (await t.callerAs({ role: 'admin' })).admin.disableUser({ userId }),
  ],
  [
    'belongs to a user who was enabled again',
    'session_revoked',
    async (t, userId) => {
      const { admin } = await t.callerAs({ role: 'admin' });
      await admin.disableUser({ userId });
      await admin.enableUser({ userId });
    },
  ],
  [
    'was pruned',
    'session_revoked',
    (t) =>
      t.composition.accounts.store.pruneSessions({ before: Number.MAX_SAFE_INTEGER, limit: 100 }),
  ],
  [
    'belongs to a user with another role',
    'token_stale',
    async (t, userId) =>
      (await t.callerAs({ role: 'admin' })).admin.setRole({ userId, role: 'admin' }),
  ],
  [
    'belongs to a user who has the same role again',
    'token_stale',
    async (t, userId) => {
      const { admin } = await t.callerAs({ role: 'admin' });
      await admin.setRole({ userId, role: 'admin' });
      await admin.setRole({ userId, role: 'user' });
    },
  ],
  [
    'belongs to a user who was deleted',
    'session_revoked',
    async (t) => {
      const ada = await t.callerAs({ email: 'ada@test.example' });
      await ada.user.delete({ password: testPassword });
    },
  ],
  ['has expired with its token', 'token_expired', (t) => t.clock.advance(900)],
])('a token whose session %s is refused with %s', async (_, reason, end) => {
  await using t = await createKit();
  const { accessToken, user } = await t.signInAs({ email: 'ada@test.example' });
  await principalOf(t, accessToken);
  await end(t, user.id);
  await expect(principalOf(t, accessToken)).rejects.toMatchObject({ reason });
});

test.each([
  ['idle lifetime', { sessionIdleTtlSeconds: 60 }],
  ['absolute lifetime', { sessionTtlSeconds: 60, sessionIdleTtlSeconds: 60 }],
])('a session past its %s has ended, however long the token says it lives', async (_, options) => {
  await using t = await createTestLatchkey(options);
  const { accessToken } = await t.signInAs();
  const iat = Math.floor(t.clock.now() / 1_000);
  const longer = await t.forge.resign(accessToken, { claims: { exp: iat + 900 } });
  t.clock.advance(59);
  await authenticate(t.composition.accounts, longer);
  t.clock.advance(1);
  await expect(authenticate(t.composition.accounts, longer)).rejects.toMatchObject({
    reason: 'session_revoked',
  });
});

test.each<
  [string, (now: number) => { user?: Partial<UserRecord>; session?: Partial<SessionRecord> }]
>([
  ['is disabled', () => ({ user: { status: 'disabled' } })],
  ['has a session that has ended', (now) => ({ session: { revokedAt: now } })],
  ['has a session past its absolute lifetime', (now) => ({ session: { expiresAt: now } })],
  ['has a session past its idle lifetime', (now) => ({ session: { idleExpiresAt: now } })],
])('whoever %s is refused, whatever else is true', async (_, change) => {
  await using t = await createKit();
  const { accessToken } = await t.signInAs();
  const { accounts } = t.composition;
  const store: typeof accounts.store = {
    ...accounts.store,
    findSession: async (id) => {
      const { session, user } = (await accounts.store.findSession(id))!;
      const changed = change(t.clock.now());
      return { session: { ...session, ...changed.session }, user: { ...user!, ...changed.user } };
    },
  };
  await expect(authenticate({ ...accounts, store }, accessToken)).rejects.toMatchObject({
    reason: 'session_revoked',
  });
});

test('whoever was let in is recognised without a wait, until something is written', async () => {
  await using t = await createKit();
  const { accounts } = t.composition;
  const { accessToken, user } = await t.signInAs();
  expect(recognise(accounts, accessToken)).toBeNull();
  const principal = await principalOf(t, accessToken);
  expect(recognise(accounts, accessToken)).toEqual(principal);
  await t.signInAs();
  expect(recognise(accounts, accessToken)).toBeNull();
  await principalOf(t, accessToken);
  await accounts.store.setRole({
    userId: user.id,
    role: 'admin',
    at: t.clock.now(),
    event: { ...actor, id: 'e', at: 0, type: 'test.happened', actorId: null, detail: {} },
  });
  await accounts.store.findSession((await accounts.accessTokens.verify(accessToken)).sessionId);
  expect(() => recognise(accounts, accessToken)).toThrow(
    expect.objectContaining({ reason: 'token_stale' }),
  );
});

test('a token of ours that mixes two people up is worth nothing', async () => {
  await using t = await createKit();
  const [ada, bob] = [await t.signInAs(), await t.signInAs({ role: 'admin' })];
  const mixed = await t.forge.resign(ada.accessToken, {
    claims: { sub: bob.user.id, role: 'admin' },
  });
  await expect(principalOf(t, mixed)).rejects.toMatchObject({ reason: 'session_revoked' });
  const promoted = await t.forge.resign(ada.accessToken, { claims: { role: 'admin' } });
  await expect(principalOf(t, promoted)).rejects.toMatchObject({ reason: 'token_stale' });
});
