import { expect, test } from 'vitest';
import { reasonOf } from '../../client/reason-of.ts';
import { findHolder } from '../sessions/find-holder.ts';
import { refreshSession } from '../sessions/refresh-session.ts';
import { createTestLatchkey, testPassword } from '../testing/create-test-latchkey.ts';

const nowhere = { ip: null, userAgent: null };

async function createSetup(options: Parameters<typeof createTestLatchkey>[0] = {}) {
  const t = await createTestLatchkey({ url: 'https://app.test', ...options });
  const signedIn = await t.signInAs();
  const { accounts } = t.composition;

  /** Asks for a page as a browser does that has this cookie. */
  function visit(cookieToken: string | null, headers: Record<string, string> = {}) {
    const cookie = cookieToken === null ? {} : { cookie: `__Host-latchkey=${cookieToken}` };
    return t.latchkey.readVisitor(new Headers({ ...cookie, ...headers }));
  }
  return {
    ...t,
    ...signedIn,
    accounts,
    visit,
    callAs: async (cookieToken: string | null, headers?: Record<string, string>) =>
      t.latchkey.appRouter.createCaller((await visit(cookieToken, headers)).context),
    refresh: (token: string) => refreshSession(accounts, token, nowhere),
  };
}

test('the cookie says who asks, as often as it is asked, and is not spent', async () => {
  await using t = await createSetup();
  const { user } = await t.visit(t.refreshToken);
  expect(user).toEqual(t.user);
  t.clock.advance(3_600);
  expect((await t.visit(t.refreshToken)).user).toEqual(t.user);
  const [session] = await t.accounts.store.listSessions(t.user.id, t.clock.now());
  expect(session?.counter).toBe(0);
  await expect(t.refresh(t.refreshToken)).resolves.toMatchObject({ user: { id: t.user.id } });
});

test('queries are called as that user, in that session', async () => {
  await using t = await createSetup({ claims: () => ({ plan: 'free' }) });
  const caller = await t.callAs(t.refreshToken);
  expect(await caller.user.me()).toEqual(t.user);
  expect(await caller.session.list()).toMatchObject([{ current: true }]);
});

test('headers are taken as node:http has them too', async () => {
  await using t = await createSetup();
  const { user } = await t.latchkey.readVisitor({ cookie: `__Host-latchkey=${t.refreshToken}` });
  expect(user).toEqual(t.user);
});

test.each([
  ['a link', {}],
  ['a form of our own page', { origin: 'https://app.test', 'sec-fetch-site': 'same-origin' }],
])('nothing is changed in the name of a visitor, whatever led here: %s', async (_, headers) => {
  await using t = await createSetup();
  const caller = await t.callAs(t.refreshToken, headers);
  const mutations = [
    () => caller.user.update({ name: 'Eve' }),
    () => caller.session.revokeAll(),
    () => caller.auth.logout({}),
    () => caller.user.delete({ password: testPassword }),
  ];
  for (const mutate of mutations) {
    expect(reasonOf(await mutate().catch((error: unknown) => error))).toBe('forbidden');
  }
  expect(await caller.user.me()).toEqual(t.user);
});

test('a spent token is somebody’s within the grace alone, and reading it ends nothing', async () => {
  await using t = await createSetup({ refreshGraceSeconds: 10 });
  const { refreshToken } = await t.refresh(t.refreshToken);
  t.clock.advance(9.999);
  expect((await t.visit(t.refreshToken)).user).toEqual(t.user);
  t.clock.advance(0.001);
  expect((await t.visit(t.refreshToken)).user).toBeNull();
  expect((await t.visit(refreshToken)).user).toEqual(t.user);
  await t.refresh(refreshToken);
  expect((await t.visit(t.refreshToken)).user).toBeNull();
});

test('a session that was ended, or was not refreshed in time, is nobody’s', async () => {
  await using t = await createSetup();
  const other = await t.signInAs({ email: t.user.email });
  await (await t.callerAs({ email: t.user.email })).session.revokeAll();
  expect((await t.visit(t.refreshToken)).user).toBeNull();
  const late = await t.signInAs({ email: t.user.email });
  t.clock.advance(14 * 24 * 3_600);
  expect((await t.visit(late.refreshToken)).user).toBeNull();
  expect((await t.visit(other.refreshToken)).user).toBeNull();
});

test('a user who is disabled or deleted is nobody', async () => {
  await using t = await createSetup();
  const { admin } = await t.callerAs({ role: 'admin' });
  await admin.disableUser({ userId: t.user.id });
  expect((await t.visit(t.refreshToken)).user).toBeNull();
  const gone = await t.signInAs();
  const caller = await t.callerAs({ email: gone.user.email });
  await caller.user.delete({ password: testPassword });
  expect((await t.visit(gone.refreshToken)).user).toBeNull();
});

test('the context of a page ends with the session', async () => {
  await using t = await createSetup();
  const caller = await t.callAs(t.refreshToken);
  await (await t.callerAs({ email: t.user.email })).session.revokeAll();
  const error = await caller.user.me().catch((thrown: unknown) => thrown);
  expect(reasonOf(error)).toBe('session_revoked');
});

test('a token that is made up, altered, of another form or of another cookie is nobody’s', async () => {
  await using t = await createSetup();
  const altered = t.refreshToken.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
  for (const token of [altered, 'A'.repeat(72), 'x', t.accessToken]) {
    expect((await t.visit(token)).user).toBeNull();
  }
  const elsewhere = { cookie: `latchkey=${t.refreshToken}` };
  expect((await t.visit(null, elsewhere)).user).toBeNull();
});

test('only the cookie counts: an access token of the request is nobody’s here', async () => {
  await using t = await createSetup();
  const headers = { authorization: `Bearer ${t.accessToken}` };
  expect((await t.visit(null, headers)).user).toBeNull();
  const caller = await t.callAs('made up', headers);
  const error = await caller.user.me().catch((thrown: unknown) => thrown);
  expect(reasonOf(error)).toBe('token_missing');
});

test('where another site led here and the browser kept the cookie back, it is not known', async () => {
  await using t = await createSetup();
  const crossSite = { 'sec-fetch-site': 'cross-site' };
  expect((await t.visit(null, crossSite)).user).toBeUndefined();
  expect((await t.visit(null)).user).toBeNull();
  expect((await t.visit(null, { 'sec-fetch-site': 'none' })).user).toBeNull();
  expect((await t.visit('made up', crossSite)).user).toBeNull();
});

test('a user who is disabled is nobody, even where a session were left', async () => {
  await using t = await createSetup();
  const { store } = t.accounts;
  const findSession: typeof store.findSession = async (sessionId) => {
    const found = await store.findSession(sessionId);
    return found?.user ? { ...found, user: { ...found.user, status: 'disabled' } } : found;
  };
  const accounts = { ...t.accounts, store: { ...store, findSession } };
  expect(await findHolder(accounts, t.refreshToken)).toBeNull();
});
