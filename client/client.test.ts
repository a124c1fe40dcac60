import { expect, onTestFinished, test } from 'vitest';
import { createTestLatchkey, testPassword } from '../server/testing/index.ts';
import { createClient, reasonOf, webStorage } from './index.ts';
import { caught } from './testing/caught.ts';
import { createCookieFetch } from './testing/cookie-jar.ts';
import { createTestRuntime } from './testing/test-runtime.ts';
import { untilStatus } from './testing/until-status.ts';
import { createWebStorage } from './testing/web-storage.ts';
import type { ClientFetch } from './transport.ts';

// The whole way: this client, a socket, and the server as it is.

const ada = { email: 'ada@test.example', password: testPassword };

async function startLatchkey() {
  const t = await createTestLatchkey({ roles: { editor: ['post:write'] } });
  onTestFinished(() => t.close());
  const { url } = await t.serve();
  return { ...t, url: `${url}/trpc` };
}

type AppRouter = Awaited<ReturnType<typeof startLatchkey>>['latchkey']['appRouter'];

/** A `fetch` that remembers which procedures were called, and breaks off replies when told to. */
function createWatchedFetch() {
  const paths: string[] = [];
  const lost = new Set<string>();
  const fetch: ClientFetch = async (url, init) => {
    const path = new URL(url as string).pathname.slice('/trpc/'.length);
    paths.push(path);
    const response = await globalThis.fetch(url as string, init as RequestInit);
    if (lost.delete(path)) throw new TypeError('The connection broke.');
    return response;
  };
  return {
    fetch,
    loseReply: (path: string) => void lost.add(path),
    count: (path: string) => paths.filter((called) => called === path).length,
  };
}

test('registers, signs in, is recognised, refreshes and signs out', async () => {
  const t = await startLatchkey();
  using client = createClient<AppRouter>({ url: t.url });
  expect(await client.signUp({ ...ada, name: 'Ada' })).toMatchObject({ name: 'Ada', role: 'user' });
  expect(await client.trpc.user.me.query()).toMatchObject({ email: ada.email });
  await client.refresh();
  expect(await client.trpc.session.list.query()).toHaveLength(1);
  await client.signOut();
  expect(reasonOf(await caught(client.trpc.user.me.query()))).toBe('token_missing');
  expect(await client.signIn(ada)).toMatchObject({ email: ada.email });
});

test('asks the browser to send a sign-out to its end, even from a page that is left', async () => {
  const t = await startLatchkey();
  const outlasting: string[] = [];
  using client = createClient<AppRouter>({
    url: t.url,
    fetch(url, init) {
      if ((init as RequestInit).keepalive) outlasting.push(new URL(url as string).pathname);
      return globalThis.fetch(url as string, init as RequestInit);
    },
  });
  await client.signUp(ada);
  await client.trpc.user.me.query();
  await client.signOut();
  expect(outlasting).toEqual(['/trpc/auth.register', '/trpc/auth.logout']);
});

test('says why a sign-in or registration was refused', async () => {
  const t = await startLatchkey();
  using client = createClient<AppRouter>({ url: t.url });
  await client.signUp(ada);
  const refusals = [
    client.signIn({ ...ada, password: 'not the password' }),
    client.signUp(ada),
    client.signUp({ email: 'b@test.example', password: 'short' }),
    client.signUp({ email: 'no address', password: testPassword }),
  ];
  const reasons = await Promise.all(refusals.map(async (call) => reasonOf(await caught(call))));
  expect(reasons).toEqual(['invalid_credentials', 'email_taken', 'weak_password', 'invalid_input']);
  expect(client.state.getSnapshot().status).toBe('signed-in');
});

test('refreshes once for 50 calls with an expired token', async () => {
  const t = await startLatchkey();
  const watched = createWatchedFetch();
  using client = createClient<AppRouter>({ url: t.url, fetch: watched.fetch });
  await client.signUp(ada);
  t.clock.advance(901);
  const calls = Array.from({ length: 50 }, () => client.trpc.user.me.query());
  for (const user of await Promise.all(calls)) expect(user.email).toBe(ada.email);
  expect(watched.count('auth.refresh')).toBe(1);
});

test('stays signed in when replies to refreshes are lost', async () => {
  const t = await startLatchkey();
  const watched = createWatchedFetch();
  const runtime = createTestRuntime();
  using client = createClient<AppRouter>({ url: t.url, fetch: watched.fetch, runtime });
  await client.signUp(ada);
  for (let round = 0; round < 5; round++) {
    watched.loseReply('auth.refresh');
    t.clock.advance(901);
    runtime.advance(901);
    expect((await client.trpc.user.me.query()).email).toBe(ada.email);
  }
  expect(watched.count('auth.refresh')).toBe(10);
});

test.each([true, false])('serves two tabs for a day; locks: %s', async (hasLocks) => {
  const t = await startLatchkey();
  const storage = webStorage(createWebStorage(), `real ${hasLocks}`);
  const runtime = createTestRuntime(
    hasLocks ? {} : { locks: undefined, openChannel: () => undefined },
  );
  using one = createClient<AppRouter>({ url: t.url, storage, runtime });
  await one.signUp(ada);
  using two = createClient<AppRouter>({ url: t.url, storage, runtime });
  for (let hour = 0; hour < 24; hour++) {
    t.clock.advance(3_600);
    runtime.advance(3_600);
    const calls = [one, two, one, two].map((client) => client.trpc.user.me.query());
    for (const user of await Promise.all(calls)) expect(user.email).toBe(ada.email);
  }
  const admin = await t.callerAs({ role: 'admin' });
  const { events } = await admin.admin.listAuditEvents({ limit: 100 });
  expect(events.map(({ type }) => type)).not.toContain('session.refresh_reused');
  expect(await one.trpc.session.list.query()).toHaveLength(1);
});

test('goes on with the new role after it was changed', async () => {
  const t = await startLatchkey();
  const watched = createWatchedFetch();
  using client = createClient<AppRouter>({ url: t.url, fetch: watched.fetch });
  const { id } = await client.signUp(ada);
  const admin = await t.callerAs({ role: 'admin' });
  await admin.admin.setRole({ userId: id, role: 'editor' });
  await client.trpc.user.update.mutate({ name: 'Ada' });
  expect(client.state.getSnapshot().user).toMatchObject({ role: 'editor', name: 'Ada' });
  expect(watched.count('auth.refresh')).toBe(1);
  expect(watched.count('user.update')).toBe(2);
});

test('ends with the reason when an admin ends the session', async () => {
  const t = await startLatchkey();
  using client = createClient<AppRouter>({ url: t.url });
  const { id } = await client.signUp(ada);
  const admin = await t.callerAs({ role: 'admin' });
  await admin.admin.revokeSessions({ userId: id });
  expect(reasonOf(await caught(client.trpc.user.me.query()))).toBe('session_revoked');
  expect(client.state.getSnapshot().reason).toBe('session_revoked');
});

test('goes on after changing its password, and others do not', async () => {
  const t = await startLatchkey();
  const runtime = createTestRuntime();
  using client = createClient<AppRouter>({ url: t.url, runtime });
  await client.signUp(ada);
  using other = createClient<AppRouter>({ url: t.url });
  await other.signIn(ada);
  const newPassword = 'a wholly other password';
  await client.trpc.user.changePassword.mutate({ currentPassword: ada.password, newPassword });
  t.clock.advance(901);
  runtime.advance(901);
  expect((await client.trpc.user.me.query()).email).toBe(ada.email);
  expect(reasonOf(await caught(other.refresh()))).toBe('session_revoked');
  expect(other.state.getSnapshot().reason).toBe('session_revoked');
  await client.trpc.user.delete.mutate({ password: newPassword });
  expect(client.state.getSnapshot()).toEqual({ status: 'signed-out', user: null, reason: null });
});

test('leaves no session when signing out overtakes a refresh', async () => {
  const t = await startLatchkey();
  using client = createClient<AppRouter>({ url: t.url });
  await client.signUp(ada);
  const refreshing = caught(client.refresh());
  await client.signOut();
  await refreshing;
  using other = createClient<AppRouter>({ url: t.url });
  await other.signIn(ada);
  expect(await other.trpc.session.list.query()).toHaveLength(1);
});

test('lives from the cookie alone in cookie mode', async () => {
  const t = await startLatchkey();
  const fetch = createCookieFetch('http://localhost:4000');
  const open = () =>
    createClient<AppRouter>({
      url: t.url,
      mode: 'cookie',
      fetch,
      runtime: createTestRuntime({ hasCookieJar: true }),
    });
  using one = open();
  await untilStatus(one.state, 'signed-out');
  expect(one.state.getSnapshot().reason).toBeNull();
  await one.signUp(ada);
  using two = open();
  expect((await two.trpc.user.me.query()).email).toBe(ada.email);
  const newPassword = 'a wholly other password';
  await two.trpc.user.changePassword.mutate({ currentPassword: ada.password, newPassword });
  t.clock.advance(901);
  expect((await one.trpc.user.me.query()).email).toBe(ada.email);
  await one.signOut();
  using three = open();
  expect(await three.refresh()).toBeNull();
});
