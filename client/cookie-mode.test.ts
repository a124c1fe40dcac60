import { expect, onTestFinished, test } from 'vitest';
import { createClient, reasonOf, type LatchkeyClient } from './index.ts';
import { createAuthServer, type AuthServer, type TestRouter } from './testing/auth-server.ts';
import { caught } from './testing/caught.ts';
import { createCookieFetch } from './testing/cookie-jar.ts';
import { createTestRuntime, type TestRuntime } from './testing/test-runtime.ts';
import { untilStatus } from './testing/until-status.ts';
import type { ClientFetch } from './transport.ts';

const ada = { email: 'ada@example.com', password: 'password' };
const eve = { email: 'eve@example.com', password: 'password' };
/** How long one request for a refresh may take. */
const refreshTimeoutMs = 4_500;
const nobody = { status: 'signed-out', user: null, reason: null };

async function startServer(): Promise<AuthServer> {
  const server = await createAuthServer();
  onTestFinished(() => server[Symbol.asyncDispose]());
  server.addUser(ada.email);
  server.addUser(eve.email);
  return server;
}

function openTab(
  server: AuthServer,
  fetch: ClientFetch,
  options: {
    initialUser?: Awaited<ReturnType<LatchkeyClient<TestRouter>['signIn']>> | null;
    runtime?: TestRuntime;
  } = {},
): LatchkeyClient<TestRouter> {
  const client = createClient<TestRouter>({
    url: server.url,
    mode: 'cookie',
    fetch,
    runtime: createTestRuntime({ hasCookieJar: true }),
    ...options,
  });
  onTestFinished(() => client.close());
  return client;
}

test('says its mode, and never sends or receives the refresh token itself', async () => {
  const server = await startServer();
  const client = openTab(server, createCookieFetch());
  await client.signIn(ada);
  await client.refresh();
  expect(await client.trpc.notes.mine.query()).toBe(ada.email);
  for (const { headers } of server.requests) expect(headers['x-latchkey-mode']).toBe('cookie');
  expect(server.requests.at(-1)?.headers.cookie).toMatch(/^latchkey=refresh\.s1\.1/);
  expect(server.reuses).toBe(0);
});

test('asks nothing before anybody wants to know', async () => {
  const server = await startServer();
  const client = openTab(server, createCookieFetch());
  expect(client.state.getSnapshot()).toEqual({ status: 'loading', user: null, reason: null });
  expect(server.requests).toEqual([]);
});

test('finds out with one refresh, before the first calls', async () => {
  const server = await startServer();
  const jar = createCookieFetch();
  await openTab(server, jar).signIn(ada);
  const client = openTab(server, jar);
  const answers = await Promise.all([client.trpc.notes.mine.query(), client.trpc.hello.query()]);
  expect(answers).toEqual([ada.email, 'hello']);
  expect(server.countCalls('auth.refresh')).toBe(1);
  expect(client.state.getSnapshot().user?.email).toBe(ada.email);
});

test('finds out when somebody watches', async () => {
  const server = await startServer();
  const jar = createCookieFetch();
  await openTab(server, jar).signIn(ada);
  const client = openTab(server, jar);
  await untilStatus(client.state, 'signed-in');
  expect(server.countCalls('auth.refresh')).toBe(1);
});

test('is nobody without a cookie, for no reason, and calls go on', async () => {
  const server = await startServer();
  const client = openTab(server, createCookieFetch());
  expect(await client.trpc.hello.query()).toBe('hello');
  expect(client.state.getSnapshot()).toEqual(nobody);
  await client.trpc.hello.query();
  expect(server.countCalls('auth.refresh')).toBe(1);
});

test('has the reason when the session of its cookie has ended', async () => {
  const server = await startServer();
  const jar = createCookieFetch();
  await openTab(server, jar).signIn(ada);
  server.endSessions();
  const client = openTab(server, jar);
  expect(await client.trpc.hello.query()).toBe('hello');
  expect(client.state.getSnapshot().reason).toBe('session_revoked');
});

test('does not know who it is while the server cannot say', async () => {
  const server = await startServer();
  const jar = createCookieFetch();
  await openTab(server, jar).signIn(ada);
  const client = openTab(server, jar);
  server.refuse('auth.refresh', 'overloaded');
  expect(reasonOf(await caught(client.trpc.hello.query()))).toBe('overloaded');
  expect(client.state.getSnapshot().status).toBe('loading');
  expect(await client.refresh()).toMatchObject({ email: ada.email });
});

/** A runtime whose pauses between two tries are seen, and pass when the test says so. */
function watchPauses(): { runtime: TestRuntime; pausesMs: number[] } {
  const runtime = createTestRuntime({ hasCookieJar: true });
  const pausesMs: number[] = [];
  function timeout(delayMs: number): AbortSignal {
    if (delayMs !== refreshTimeoutMs) pausesMs.push(delayMs);
    return runtime.timeout(delayMs);
  }
  return { runtime: { ...runtime, timeout }, pausesMs };
}

test('asks until the server can say, for whoever watches', async () => {
  const server = await startServer();
  const jar = createCookieFetch();
  await openTab(server, jar).signIn(ada);
  const { runtime, pausesMs } = watchPauses();
  const client = openTab(server, jar, { runtime });
  for (let time = 0; time < 7; time += 1) server.refuse('auth.refresh', 'overloaded');
  const isKnown = untilStatus(client.state, 'signed-in');
  // A second one who watches asks nothing more.
  onTestFinished(client.state.subscribe(() => {}));
  for (let pauses = 1; pauses <= 7; pauses += 1) {
    await expect.poll(() => pausesMs.length).toBe(pauses);
    runtime.passTimeouts();
  }
  await isKnown;
  expect(pausesMs).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  expect(server.countCalls('auth.refresh')).toBe(8);
});

test('asks no more once it is closed', async () => {
  const server = await startServer();
  const { runtime, pausesMs } = watchPauses();
  const client = openTab(server, createCookieFetch(), { runtime });
  server.refuse('auth.refresh', 'overloaded');
  server.refuse('auth.refresh', 'overloaded');
  client.state.subscribe(() => {});
  await expect.poll(() => pausesMs.length).toBe(1);
  client.close();
  runtime.passTimeouts();
  expect(reasonOf(await caught(client.trpc.hello.query()))).toBe('overloaded');
  expect(pausesMs).toHaveLength(1);
});

test('begins with the user that the server has rendered', async () => {
  const server = await startServer();
  const jar = createCookieFetch();
  const user = await openTab(server, jar).signIn(ada);
  const client = openTab(server, jar, { initialUser: user });
  expect(client.state.getSnapshot()).toEqual({ status: 'signed-in', user, reason: null });
  expect(client.state.getServerSnapshot()).toBe(client.state.getSnapshot());
  expect(await client.trpc.notes.mine.query()).toBe(ada.email);

  const guest = openTab(server, createCookieFetch(), { initialUser: null });
  expect(guest.state.getSnapshot()).toEqual(nobody);
  await guest.trpc.hello.query();
  expect(server.countCalls('auth.refresh')).toBe(1);
});

test('believes the cookie when it is another user than before', async () => {
  const server = await startServer();
  const jar = createCookieFetch();
  const user = await openTab(server, jar).signIn(ada);
  await openTab(server, jar).signIn(eve);
  const client = openTab(server, jar, { initialUser: user });
  expect(reasonOf(await caught(client.trpc.notes.mine.query()))).toBe('session_revoked');
  expect(client.state.getSnapshot().user?.email).toBe(eve.email);
  expect(await client.trpc.notes.mine.query()).toBe(eve.email);
});

test('signs in, out and in again in all tabs', async () => {
  const server = await startServer();
  const jar = createCookieFetch();
  const one = openTab(server, jar, { initialUser: null });
  const two = openTab(server, jar, { initialUser: null });
  await one.signIn(ada);
  await untilStatus(two.state, 'signed-in');
  expect(await two.trpc.notes.mine.query()).toBe(ada.email);
  await two.signOut();
  await untilStatus(one.state, 'signed-out');
  expect(server.liveSessions).toBe(0);
  expect(server.countCalls('auth.refresh')).toBe(0);
});

test('lets go of the cookie when signing out overtakes signing in', async () => {
  const server = await startServer();
  const jar = createCookieFetch();
  const client = openTab(server, jar, { initialUser: null });
  const held = server.holdReply('auth.login');
  const signingIn = caught(client.signIn(ada));
  await held.arrived;
  await client.signOut();
  const logout = server.holdReply('auth.logout');
  held.release();
  expect(reasonOf(await signingIn)).toBe('session_revoked');
  await logout.arrived;
  logout.release();
  expect(server.liveSessions).toBe(0);
});

test('is not undone by a refresh that was under way when somebody signed in', async () => {
  const server = await startServer();
  const jar = createCookieFetch();
  await openTab(server, jar).signIn(ada);
  const client = openTab(server, jar);
  const held = server.holdReply('auth.refresh');
  const call = client.trpc.hello.query();
  await held.arrived;
  await client.signIn(eve);
  held.release();
  expect(await call).toBe('hello');
  expect(client.state.getSnapshot().user?.email).toBe(eve.email);
});

test('is not undone by a refusal of the cookie before', async () => {
  const server = await startServer();
  const jar = createCookieFetch();
  await openTab(server, jar).signIn(ada);
  const client = openTab(server, jar);
  const held = server.hold('auth.refresh');
  const call = client.trpc.hello.query();
  await held.arrived;
  await client.signIn(eve);
  server.endSessions(ada.email);
  held.release();
  expect(await call).toBe('hello');
  expect(client.state.getSnapshot().user?.email).toBe(eve.email);
  expect(await client.trpc.notes.mine.query()).toBe(eve.email);
});

test('shares nothing where there is no cookie jar, as on a server that renders', async () => {
  const server = await startServer();
  const open = (): LatchkeyClient<TestRouter> =>
    createClient<TestRouter>({
      url: server.url,
      mode: 'cookie',
      fetch: createCookieFetch(),
      initialUser: null,
      runtime: createTestRuntime({
        openChannel: () => {
          throw new Error('A channel was opened.');
        },
      }),
    });
  const [one, two] = [open(), open()];
  await one.signIn(ada);
  expect(two.state.getSnapshot()).toEqual(nobody);
});
