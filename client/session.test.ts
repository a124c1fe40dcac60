import { expect, onTestFinished, test } from 'vitest';
import { createClient, memoryStorage, reasonOf, webStorage, type SessionStorage } from './index.ts';
import type { ClientRuntime } from './runtime.ts';
import { createQueue } from './tabs.ts';
import { createAuthServer, type AuthServer, type TestRouter } from './testing/auth-server.ts';
import { caught } from './testing/caught.ts';
import { createTestRuntime } from './testing/test-runtime.ts';
import { untilStatus } from './testing/until-status.ts';
import { createWebStorage } from './testing/web-storage.ts';

const ada = { email: 'ada@example.com', password: 'password' };
const eve = { email: 'eve@example.com', password: 'password' };
const nobody = { status: 'signed-out', user: null, reason: null };

async function startServer(): Promise<AuthServer> {
  const server = await createAuthServer();
  onTestFinished(() => server[Symbol.asyncDispose]());
  server.addUser(ada.email);
  server.addUser(eve.email);
  return server;
}

type TabOptions = Pick<Parameters<typeof createClient<TestRouter>>[0], 'fetch' | 'runtime'> & {
  readonly storage?: SessionStorage;
};

/** A client as a tab has one; closed when the test ends. */
function openTab(server: AuthServer, options: TabOptions = {}) {
  const runtime = createTestRuntime();
  const client = createClient<TestRouter>({ url: server.url, runtime, ...options });
  onTestFinished(() => client.close());
  return { client, runtime };
}

/** A storage whose writing takes longer than its reading, and its removal no time. */
function slowStorage(inner = memoryStorage()): SessionStorage {
  return {
    get: () => turns(3).then(() => inner.get()),
    set: (value) => turns(9).then(() => inner.set(value)),
    remove: () => Promise.resolve(inner.remove()),
  };
}

/** So many rounds of the event loop. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Locks that are handed over late, and channels that are heard at once, or so many turns later. */
function createWorld(heardAfter = 0): Pick<ClientRuntime, 'locks' | 'openChannel'> {
  const inTurn = createQueue();
  let holders = 0;
  const channels = new Set<EventTarget>();
  return {
    locks: {
      request(_, { ifAvailable }, task) {
        if (ifAvailable && holders > 0) return task(null);
        holders++;
        return inTurn(() => turns(3).then(() => task({}))).finally(() => {
          holders--;
        });
      },
    },
    openChannel: () => {
      const channel = new EventTarget();
      channels.add(channel);
      return {
        postMessage: (data) => {
          function tell(): void {
            for (const other of channels) {
              if (other !== channel) other.dispatchEvent(new MessageEvent('message', { data }));
            }
          }
          if (heardAfter === 0) tell();
          else void turns(heardAfter).then(tell);
        },
        addEventListener: (type, listener) => channel.addEventListener(type, listener),
        close: () => void channels.delete(channel),
      };
    },
  };
}

function stored(storage: { readonly items: ReadonlyMap<string, string> }): unknown {
  return JSON.parse(storage.items.get('latchkey') ?? 'null');
}

test('keeps the same snapshot until something changes', async () => {
  const server = await startServer();
  const { client } = openTab(server);
  const { getSnapshot, subscribe } = client.state;
  expect(getSnapshot()).toEqual(nobody);
  let changes = 0;
  const unsubscribe = subscribe(() => changes++);
  await client.signIn(ada);
  const signedIn = getSnapshot();
  expect(signedIn).toMatchObject({ status: 'signed-in', user: { email: ada.email } });
  await client.refresh();
  expect(getSnapshot()).toBe(signedIn);
  expect(changes).toBe(1);
  unsubscribe();
  await client.signOut();
  expect(changes).toBe(1);
  expect(getSnapshot()).toEqual(nobody);
});

test('tells each subscriber, even the same function twice', async () => {
  const server = await startServer();
  const { client } = openTab(server);
  let calls = 0;
  const listener = (): void => void calls++;
  const [first] = [client.state.subscribe(listener), client.state.subscribe(listener)];
  await client.signIn(ada);
  expect(calls).toBe(2);
  first();
  await client.signOut();
  expect(calls).toBe(3);
});

test('stores the refresh token and the user, never the access token', async () => {
  const server = await startServer();
  const local = createWebStorage();
  const { client } = openTab(server, { storage: webStorage(local) });
  await client.signIn(ada);
  expect(stored(local)).toMatchObject({ refreshToken: 'refresh.s1.0', user: { email: ada.email } });
  expect(local.items.get('latchkey')).not.toContain('access.');
  await client.refresh();
  expect(stored(local)).toMatchObject({ refreshToken: 'refresh.s1.1' });
  await client.signOut();
  expect(local.items.size).toBe(0);
});

test('is signed in on the first paint when the storage answers at once', async () => {
  const server = await startServer();
  const storage = webStorage(createWebStorage());
  await openTab(server, { storage }).client.signIn(ada);
  const { client } = openTab(server, { storage });
  expect(client.state.getSnapshot()).toMatchObject({ status: 'signed-in', user: { name: null } });
  expect(client.state.getServerSnapshot().status).toBe('loading');
  expect(await client.trpc.notes.mine.query()).toBe(ada.email);
  expect(server.countCalls('auth.refresh')).toBe(1);
});

test.each([
  'nonsense',
  '{"refreshToken":',
  'null',
  '[]',
  '{"refreshToken":"refresh.s1.0"}',
  '{"refreshToken":"refresh.s1.0","user":{"id":7}}',
  '{"refreshToken":"","user":{"id":"u1"}}',
  '{"refreshToken":"a\\r\\nb","user":{"id":"u1"}}',
  `{"refreshToken":"${'x'.repeat(513)}","user":{"id":"u1"}}`,
])('takes storage that holds %s for empty', async (content) => {
  const server = await startServer();
  const local = createWebStorage();
  local.setItem('latchkey', content);
  const { client } = openTab(server, { storage: webStorage(local) });
  expect(client.state.getSnapshot()).toEqual(nobody);
  expect(await client.trpc.hello.query()).toBe('hello');
});

test('waits for a storage that answers later', async () => {
  const server = await startServer();
  const storage = slowStorage();
  await openTab(server, { storage }).client.signIn(ada);
  const { client } = openTab(server, { storage });
  expect(client.state.getSnapshot()).toEqual({ status: 'loading', user: null, reason: null });
  expect(await client.trpc.notes.mine.query()).toBe(ada.email);
  expect(client.state.getSnapshot().status).toBe('signed-in');
});

test('reads a slow storage without being asked', async () => {
  const server = await startServer();
  const { client } = openTab(server, { storage: slowStorage() });
  await untilStatus(client.state, 'signed-out');
  expect(client.state.getSnapshot()).toEqual(nobody);
});

test('leaves nothing in a slow storage after signing out', async () => {
  const server = await startServer();
  const inner = memoryStorage();
  const { client } = openTab(server, { storage: slowStorage(inner) });
  const changes = untilStatus(client.state, 'signed-in');
  const signingIn = client.signIn(ada);
  await changes;
  // The refresh token is just being written.
  await client.signOut();
  await signingIn;
  expect(inner.get()).toBeNull();
  expect(client.state.getSnapshot()).toEqual(nobody);
  expect(server.liveSessions).toBe(0);
});

test('stays signed out when the storage answers after that', async () => {
  const server = await startServer();
  const inner = memoryStorage();
  await openTab(server, { storage: inner }).client.signIn(ada);
  const { client } = openTab(server, { storage: slowStorage(inner) });
  const call = client.trpc.hello.query();
  await client.signOut();
  expect(await call).toBe('hello');
  expect(client.state.getSnapshot()).toEqual(nobody);
  expect(inner.get()).toBeNull();
  expect(server.liveSessions).toBe(0);
});

test('has the error of a storage that fails, and reads again for the next call', async () => {
  const server = await startServer();
  const inner = memoryStorage();
  await openTab(server, { storage: inner }).client.signIn(ada);
  let isBroken = true;
  const get = (): Promise<string | null> =>
    isBroken ? Promise.reject(new Error('locked')) : Promise.resolve(inner.get());
  const { client } = openTab(server, { storage: { ...inner, get } });
  expect(await caught(client.trpc.hello.query())).toMatchObject({ message: 'locked' });
  expect(client.state.getSnapshot().status).toBe('loading');
  isBroken = false;
  expect(await client.trpc.notes.mine.query()).toBe(ada.email);
});

test('goes on in memory when a refresh cannot be stored', async () => {
  const server = await startServer();
  const inner = memoryStorage();
  let isFull = false;
  const { client, runtime } = openTab(server, {
    storage: {
      ...inner,
      set: (value) => {
        if (isFull) throw new Error('full');
        return inner.set(value);
      },
    },
  });
  await client.signIn(ada);
  isFull = true;
  runtime.advance(900);
  expect(await caught(client.trpc.notes.mine.query())).toMatchObject({ message: 'full' });
  expect(await client.trpc.notes.mine.query()).toBe(ada.email);
  server.advance(900);
  runtime.advance(900);
  isFull = false;
  expect(await client.trpc.notes.mine.query()).toBe(ada.email);
  expect(server.reuses).toBe(0);
});

test('ends here at once and says so when the server cannot be told', async () => {
  const server = await startServer();
  const { client } = openTab(server);
  await client.signIn(ada);
  server.refuse('auth.logout', 'overloaded');
  const signingOut = client.signOut();
  expect(client.state.getSnapshot()).toEqual(nobody);
  expect(reasonOf(await caught(signingOut))).toBe('overloaded');
});

test('tells the server even when the storage cannot be cleared', async () => {
  const server = await startServer();
  const remove = (): Promise<void> => Promise.reject(new Error('locked'));
  const { client } = openTab(server, { storage: { ...memoryStorage(), remove } });
  await client.signIn(ada);
  expect(await caught(client.signOut())).toMatchObject({ message: 'locked' });
  expect(client.state.getSnapshot()).toEqual(nobody);
  expect(server.liveSessions).toBe(0);
});

test('asks the server nothing when nobody was signed in', async () => {
  const server = await startServer();
  const { client } = openTab(server);
  await client.signOut();
  expect(await client.refresh()).toBeNull();
  expect(server.requests).toEqual([]);
});

test('does not sign in when signing out came in between', async () => {
  const server = await startServer();
  const { client } = openTab(server);
  const held = server.holdReply('auth.login');
  const loggedOut = server.hold('auth.logout');
  const signingIn = caught(client.signIn(ada));
  await held.arrived;
  await client.signOut();
  held.release();
  expect(reasonOf(await signingIn)).toBe('session_revoked');
  expect(client.state.getSnapshot()).toEqual(nobody);
  // Nobody holds that session; the server is told to end it.
  await loggedOut.arrived;
});

test('signs in although the session before was lost meanwhile', async () => {
  const server = await startServer();
  const { client } = openTab(server);
  await client.signIn(ada);
  const held = server.holdReply('auth.login');
  const signingIn = client.signIn(eve);
  await held.arrived;
  server.forgetAccessTokens();
  await caught(client.trpc.notes.mine.query());
  expect(client.state.getSnapshot().reason).toBe('token_invalid');
  held.release();
  expect(await signingIn).toMatchObject({ email: eve.email });
});

test.each([true, false])('refreshes for two tabs without a reuse; locks: %s', async (hasLocks) => {
  const server = await startServer();
  const storage = webStorage(createWebStorage(), `tabs ${hasLocks}`);
  const changes = hasLocks ? {} : { locks: undefined, openChannel: () => undefined };
  const runtime = createTestRuntime(changes);
  const one = openTab(server, { storage, runtime }).client;
  await one.signIn(ada);
  const two = openTab(server, { storage, runtime }).client;
  server.makeTokensStale();
  const calls = [one, two].flatMap((client) =>
    Array.from({ length: 25 }, () => client.trpc.notes.mine.query()),
  );
  expect(new Set(await Promise.all(calls))).toEqual(new Set([ada.email]));
  expect(server.countCalls('auth.refresh')).toBeLessThanOrEqual(2);
  // Much later, and one after the other, each still has what it needs.
  for (const client of [one, two, one]) {
    server.advance(3_600);
    runtime.advance(3_600);
    expect(await client.trpc.notes.mine.query()).toBe(ada.email);
  }
  expect(server.reuses).toBe(0);
});

test('refreshes once for two tabs when news come before the turn', async () => {
  const server = await startServer();
  const storage = webStorage(createWebStorage(), 'one');
  const world = createWorld();
  const runtimes = [createTestRuntime(world), createTestRuntime(world)];
  const [one, two] = runtimes.map((runtime) => openTab(server, { storage, runtime }).client);
  await one!.signIn(ada);
  for (const runtime of runtimes) runtime.advance(900);
  server.advance(900);
  const calls = [one!, two!, one!, two!].map((client) => client.trpc.notes.mine.query());
  expect(new Set(await Promise.all(calls))).toEqual(new Set([ada.email]));
  expect(server.countCalls('auth.refresh')).toBe(1);
});

test('refreshes once for two tabs when news come after the turn', async () => {
  const server = await startServer();
  const storage = webStorage(createWebStorage(), 'late');
  const world = createWorld(5);
  const runtimes = [createTestRuntime(world), createTestRuntime(world)];
  const [one, two] = runtimes.map((runtime) => openTab(server, { storage, runtime }).client);
  await one!.signIn(ada);
  await untilStatus(two!.state, 'signed-in');
  for (const runtime of runtimes) runtime.advance(900);
  server.advance(900);
  const calls = [one!, two!].map((client) => client.trpc.notes.mine.query());
  expect(await Promise.all(calls)).toEqual([ada.email, ada.email]);
  expect(server.countCalls('auth.refresh')).toBe(1);
});

test('follows what another tab tells of before it can be read', async () => {
  const server = await startServer();
  const local = createWebStorage();
  const inner = webStorage(local, 'lagging');
  let visible: string | null = null;
  /** What another process wrote shows here a little later. */
  const lagging: SessionStorage = {
    ...inner,
    get() {
      const before = visible;
      visible = local.getItem('lagging');
      return before;
    },
  };
  const one = openTab(server, { storage: inner }).client;
  const two = openTab(server, { storage: lagging }).client;
  await one.signIn(ada);
  await untilStatus(two.state, 'signed-in');
  expect(await two.trpc.notes.mine.query()).toBe(ada.email);
  expect(server.countCalls('auth.refresh')).toBe(0);
  await one.signOut();
  await untilStatus(two.state, 'signed-out');
});

test('does not write an old token over a newer one that another tab has stored', async () => {
  const server = await startServer();
  const local = createWebStorage();
  const deaf = createTestRuntime({ locks: undefined, openChannel: () => undefined });
  const one = openTab(server, { storage: webStorage(local), runtime: deaf }).client;
  await one.signIn(ada);
  const two = openTab(server, { storage: webStorage(local), runtime: deaf }).client;
  const held = server.holdReply('auth.refresh');
  const slow = one.refresh();
  await held.arrived;
  await two.refresh();
  await two.refresh();
  expect(stored(local)).toMatchObject({ refreshToken: 'refresh.s1.2' });
  server.advance(11);
  held.release();
  await slow;
  expect(stored(local)).toMatchObject({ refreshToken: 'refresh.s1.3' });
  expect(await one.trpc.notes.mine.query()).toBe(ada.email);
  expect(server.reuses).toBe(0);
});

test('takes over the token of a sign-in in another tab', async () => {
  const server = await startServer();
  const storage = webStorage(createWebStorage(), 'sign in');
  const one = openTab(server, { storage }).client;
  const two = openTab(server, { storage }).client;
  await one.signIn(ada);
  await untilStatus(two.state, 'signed-in');
  expect(await two.trpc.notes.mine.query()).toBe(ada.email);
});

test('signs out all tabs, with the reason', async () => {
  const server = await startServer();
  const storage = webStorage(createWebStorage(), 'sign out');
  const one = openTab(server, { storage }).client;
  const two = openTab(server, { storage }).client;
  await one.signIn(ada);
  await untilStatus(two.state, 'signed-in');
  await two.signOut();
  await untilStatus(one.state, 'signed-out');
  expect(one.state.getSnapshot()).toEqual(nobody);

  await one.signIn(ada);
  await untilStatus(two.state, 'signed-in');
  server.endSessions();
  await caught(two.trpc.notes.mine.query());
  await untilStatus(one.state, 'signed-out');
  expect(one.state.getSnapshot().reason).toBe('session_revoked');
});

test('drops the answers for the user before when another tab signs in another', async () => {
  const server = await startServer();
  const storage = webStorage(createWebStorage(), 'other user');
  const one = openTab(server, { storage }).client;
  const two = openTab(server, { storage }).client;
  await one.signIn(ada);
  const held = server.holdReply('notes.mine');
  const slow = caught(one.trpc.notes.mine.query());
  await held.arrived;
  const changed = new Promise<void>((resolve) => one.state.subscribe(resolve));
  await two.signIn(eve);
  await changed;
  held.release();
  expect(reasonOf(await slow)).toBe('session_revoked');
  expect(await one.trpc.notes.mine.query()).toBe(eve.email);
});

test('finds out about another tab without a channel, at the next refresh', async () => {
  const server = await startServer();
  const storage = webStorage(createWebStorage(), 'no channel');
  const deaf = { locks: undefined, openChannel: () => undefined };
  const one = openTab(server, { storage, runtime: createTestRuntime(deaf) }).client;
  const two = openTab(server, { storage, runtime: createTestRuntime(deaf) }).client;
  await one.signIn(ada);
  await two.signIn(eve);
  expect(await one.trpc.notes.mine.query()).toBe(ada.email);
  server.makeTokensStale();
  expect(reasonOf(await caught(one.trpc.notes.mine.query()))).toBe('session_revoked');
  expect(one.state.getSnapshot().user?.email).toBe(eve.email);
  expect(await one.trpc.notes.mine.query()).toBe(eve.email);
  await two.signOut();
  expect(reasonOf(await caught(one.trpc.notes.mine.query()))).toBe('session_revoked');
  expect(one.state.getSnapshot().status).toBe('signed-out');
});

test.each([eve, ada])(
  'goes on with the session of $email that another tab has begun',
  async (user) => {
    const server = await startServer();
    const local = createWebStorage();
    const deaf = createTestRuntime({ openChannel: () => undefined });
    const one = openTab(server, { storage: webStorage(local), runtime: deaf }).client;
    await one.signIn(ada);
    server.endSessions();
    const two = openTab(server, { storage: webStorage(local) }).client;
    await two.signIn(user);
    expect(reasonOf(await caught(one.trpc.notes.mine.query()))).toBe('session_revoked');
    expect(one.state.getSnapshot().user?.email).toBe(user.email);
    expect(stored(local)).toMatchObject({ refreshToken: 'refresh.s2.0' });
    expect(await one.trpc.notes.mine.query()).toBe(user.email);
  },
);

test('pays no heed to strange messages', async () => {
  const server = await startServer();
  const storage = webStorage(createWebStorage(), 'strangers');
  const { client } = openTab(server, { storage });
  await client.signIn(ada);
  const stranger = new BroadcastChannel('latchkey:strangers');
  onTestFinished(() => stranger.close());
  const forged = { accessToken: 'x', tokenType: 'Bearer', expiresIn: 9, user: { id: 'u2' } };
  for (const message of [null, 7, 'x', {}, { reason: 'x' }, { ...forged, refreshToken: 'y' }]) {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has no target
    stranger.postMessage(message);
  }
  await turns(20);
  expect(client.state.getSnapshot().user?.email).toBe(ada.email);
  expect(await client.trpc.notes.mine.query()).toBe(ada.email);
  expect(server.countCalls('auth.refresh')).toBe(0);
});

test('hears nothing any more once it is closed', async () => {
  const server = await startServer();
  const storage = webStorage(createWebStorage(), 'closed');
  const one = openTab(server, { storage }).client;
  const two = openTab(server, { storage }).client;
  const three = openTab(server, { storage }).client;
  two.close();
  await one.signIn(ada);
  await untilStatus(three.state, 'signed-in');
  expect(two.state.getSnapshot().status).toBe('signed-out');
  await two.signIn(eve);
  expect(three.state.getSnapshot().user?.email).toBe(ada.email);
});
