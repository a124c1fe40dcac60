import { inspect } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { createClient, reasonOf, webStorage, type LatchkeyClient } from '../../client/index.ts';
import { createAuthServer, type TestRouter } from '../../client/testing/auth-server.ts';
import { caught } from '../../client/testing/caught.ts';
import { createTestRuntime } from '../../client/testing/test-runtime.ts';
import { createWebStorage } from '../../client/testing/web-storage.ts';
import { goodPassword } from '../contract/api.ts';
import { range, startTarget, tally, type Target } from './target.ts';

type AppRouter = Target['t']['latchkey']['appRouter'];

const ada = { email: 'ada@attacks.example', password: goodPassword };

/** The whole way: clients, sockets, and the server as it is. */
async function setUp() {
  const target = await startTarget();
  onTestFinished(async () => {
    await target.assertUnharmed();
    await target[Symbol.asyncDispose]();
  });
  const paths: string[] = [];
  const runtime = createTestRuntime();
  const storage = webStorage(createWebStorage(), `attacks ${target.url}`);
  const open = (changes: object = {}): LatchkeyClient<AppRouter> => {
    const client = createClient<AppRouter>({
      url: `${target.url}/trpc`,
      storage,
      runtime,
      fetch: (url, init) => {
        paths.push(new URL(url as string).pathname.slice('/trpc/'.length));
        return globalThis.fetch(url as string, init as RequestInit);
      },
      ...changes,
    });
    onTestFinished(() => client.close());
    return client;
  };
  return { ...target, clock: target.t.clock, runtime, open, called: () => tally(paths) };
}

/** A server that does what a test tells it to. */
async function setUpHostile() {
  const server = await createAuthServer();
  onTestFinished(() => server[Symbol.asyncDispose]());
  server.addUser(ada.email);
  const client = createClient<TestRouter>({ url: server.url });
  onTestFinished(() => client.close());
  const credentials = { email: ada.email, password: 'password' };
  return { server, client, credentials };
}

test('C-01 fifty calls that meet an expired token make one refresh, and all succeed', async () => {
  const { open, clock, called } = await setUp();
  const client = open();
  await client.signUp(ada);
  clock.advance(901);
  const users = await Promise.all(range(50).map(() => client.trpc.user.me.query()));
  expect(new Set(users.map(({ email }) => email))).toEqual(new Set([ada.email]));
  expect(called()['auth.refresh']).toBe(1);
});

test('C-02 tabs that refresh together stay signed in, with locks and without', async () => {
  for (const changes of [{}, { locks: undefined, openChannel: () => undefined }]) {
    const { open, clock, runtime, t } = await setUp();
    const inTab = createTestRuntime(changes);
    const first = open({ runtime: inTab });
    await first.signUp(ada);
    const tabs = [first, ...range(3).map(() => open({ runtime: inTab }))];
    for (const _ of range(5)) {
      clock.advance(901);
      inTab.advance(901);
      runtime.advance(901);
      const users = await Promise.all(tabs.map((tab) => tab.trpc.user.me.query()));
      expect(users.every(({ email }) => email === ada.email)).toBe(true);
    }
    const admin = await t.callerAs({ role: 'admin' });
    const reused = await admin.admin.listAuditEvents({ type: 'session.refresh_reused' });
    expect(reused.events).toEqual([]);
  }
});

test('C-03 a refused refresh is tried once and ends the session once, without a loop', async () => {
  const { open, clock, called, t } = await setUp();
  const client = open();
  const statuses: string[] = [];
  client.state.subscribe(() => statuses.push(client.state.getSnapshot().status));
  const { id: userId } = await client.signUp(ada);
  const admin = await t.callerAs({ role: 'admin' });
  await admin.admin.disableUser({ userId });
  clock.advance(901);
  const errors = await Promise.all(range(10).map(() => caught(client.trpc.user.me.query())));
  expect(errors.every((error) => reasonOf(error) === 'session_revoked')).toBe(true);
  expect(called()['auth.refresh']).toBe(1);
  expect(statuses).toEqual(['signed-in', 'signed-out']);
  expect(reasonOf(await caught(client.trpc.user.me.query()))).toBe('token_missing');
  expect(called()['auth.refresh']).toBe(1);
});

test('C-05 a client whose wall clock is a day off goes by the lifetimes that it is told', async () => {
  const { open, clock, runtime, called } = await setUp();
  for (const seconds of [86_400, -86_400]) {
    const client = open({ storage: undefined });
    const account = { ...ada, email: `clock-${seconds + 86_400}@attacks.example` };
    clock.advance(-seconds);
    await client.signUp(account);
    clock.advance(seconds > 0 ? 0 : 1);
    const before = called()['auth.refresh'] ?? 0;
    await client.trpc.user.me.query();
    expect(called()['auth.refresh'] ?? 0).toBe(before);
    // As long as the lifetime less the margin, whatever the date.
    runtime.advance(871);
    await client.trpc.user.me.query();
    expect(called()['auth.refresh']).toBe(before + 1);
    clock.advance(seconds > 0 ? seconds : seconds - 1);
  }
});

test('C-06 no token is in a store of its own accord, an address, an error or what is printed', async () => {
  const { server, client, credentials } = await setUpHostile();
  await client.signIn(credentials);
  server.refuse('notes.mine', 'forbidden');
  const errors = [await caught(client.trpc.notes.mine.query())];
  server.loseReply('notes.mine');
  errors.push(await caught(client.trpc.notes.mine.query()));
  const shown = [
    inspect([errors, client], { depth: 20, showHidden: true, getters: true }),
    JSON.stringify([client, client.state.getSnapshot(), errors]),
    ...server.requests.map(({ url }) => url),
  ].join('\n');
  expect(shown).not.toMatch(/access\.s\d|refresh\.s\d/);
  expect(Object.keys(globalThis)).not.toContain('latchkey');
});

test('C-07 a mutation is made once when its answer is lost, and once when its token had expired', async () => {
  const { server, client, credentials } = await setUpHostile();
  await client.signIn(credentials);
  server.loseReply('notes.add');
  await caught(client.trpc.notes.add.mutate());
  expect(server.notes).toBe(1);
  // Refused with its token before it was looked at, then made.
  server.advance(901);
  await client.trpc.notes.add.mutate();
  expect(server.notes).toBe(2);
});

test('C-09 no password and no token follows a redirect', async () => {
  const { server, client, credentials } = await setUpHostile();
  await using elsewhere = await createAuthServer();
  await client.signIn(credentials);
  for (const path of ['auth.login', 'auth.refresh', 'notes.mine']) {
    server.redirectTo(`${elsewhere.url}/${path}`);
    if (path === 'auth.login') await caught(client.signIn(credentials));
    // Asked for once more, as after any reply that was lost.
    else if (path === 'auth.refresh') await client.refresh();
    else await caught(client.trpc.notes.mine.query());
  }
  expect(elsewhere.requests).toEqual([]);
});

test('C-10 an answer of the wrong form signs nobody in, pollutes nothing and is not read without end', async () => {
  const { server, client, credentials } = await setUpHostile();
  const good = {
    accessToken: 'a.b.c',
    tokenType: 'Bearer',
    expiresIn: 900,
    refreshToken: 'r',
    user: { id: 'u1', email: ada.email },
  };
  const hostile = [
    null,
    [good],
    { ...good, accessToken: 'a\r\nx: y' },
    { ...good, accessToken: { length: 1 } },
    { ...good, expiresIn: Number.MAX_VALUE * 2 },
    { ...good, refreshToken: 'x'.repeat(513) },
    { ...good, user: JSON.parse('{"__proto__":{"id":"u1"}}') as unknown },
    { ...good, padding: 'x'.repeat(20_000_000) },
  ];
  for (const answer of hostile) {
    server.answer('auth.login', answer);
    expect(await caught(client.signIn(credentials))).toMatchObject({ name: 'TRPCClientError' });
    expect(client.state.getSnapshot().status).toBe('signed-out');
  }
  expect(Object.hasOwn(Object.prototype, 'id')).toBe(false);
  await client.signIn(credentials);
  expect(client.state.getSnapshot().status).toBe('signed-in');
});
