import { createTRPCClient, TRPCClientError, type TRPCLink } from '@trpc/client';
import { observable } from '@trpc/server/observable';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createClient, reasonOf, type LatchkeyClient } from './index.ts';
import { createAuthServer, type AuthServer, type TestRouter } from './testing/auth-server.ts';
import { caught } from './testing/caught.ts';
import { createTestRuntime, type TestRuntime } from './testing/test-runtime.ts';

interface Fixture {
  readonly server: AuthServer;
  readonly client: LatchkeyClient<TestRouter>;
  readonly runtime: TestRuntime;
}

const ada = { email: 'ada@example.com', password: 'password' };
const eve = { email: 'eve@example.com', password: 'password' };

/** A server with two users, and a client on which nobody is signed in yet. */
async function setUp(): Promise<Fixture> {
  const server = await createAuthServer();
  onTestFinished(() => server[Symbol.asyncDispose]());
  server.addUser(ada.email);
  server.addUser(eve.email);
  const runtime = createTestRuntime();
  const client = createClient<TestRouter>({ url: server.url, runtime });
  return { server, client, runtime };
}

async function setUpSignedIn(): Promise<Fixture> {
  const fixture = await setUp();
  await fixture.client.signIn(ada);
  return fixture;
}

function countChanges(client: LatchkeyClient<TestRouter>): { readonly statuses: string[] } {
  const statuses: string[] = [];
  client.state.subscribe(() => statuses.push(client.state.getSnapshot().status));
  return { statuses };
}

function authorizationOf(server: AuthServer, path: string): (string | undefined)[] {
  return server.requests
    .filter((request) => request.paths.includes(path))
    .map((request) => request.headers.authorization);
}

function times<T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => make(index)));
}

test('sends the access token with calls, and none when signed out', async () => {
  const { server, client } = await setUp();
  expect(await client.trpc.hello.query()).toBe('hello');
  await client.signIn(ada);
  expect(await client.trpc.notes.mine.query()).toBe(ada.email);
  await client.trpc.hello.query();
  expect(authorizationOf(server, 'hello')).toEqual([undefined, 'Bearer access.s1.1']);
  expect(authorizationOf(server, 'notes.mine')).toEqual(['Bearer access.s1.1']);
});

test('sends sign-in, registration and refresh without the token of the session', async () => {
  const { server, client } = await setUpSignedIn();
  await client.refresh();
  await client.signIn(eve);
  await client.signUp({ email: 'bob@example.com', password: 'password' });
  for (const path of ['auth.refresh', 'auth.login', 'auth.register']) {
    expect(new Set(authorizationOf(server, path))).toEqual(new Set([undefined]));
  }
});

test('refreshes once for 50 calls whose token has expired', async () => {
  const { server, client } = await setUpSignedIn();
  server.advance(901);
  const answers = await times(50, () => client.trpc.notes.mine.query());
  expect(new Set(answers)).toEqual(new Set([ada.email]));
  expect(server.countCalls('auth.refresh')).toBe(1);
  expect(server.countCalls('notes.mine')).toBe(100);
});

test('refreshes once for 50 calls when the token is known to be at its end', async () => {
  const { server, client, runtime } = await setUpSignedIn();
  runtime.advance(900);
  server.advance(900);
  await times(50, () => client.trpc.notes.mine.query());
  expect(server.countCalls('auth.refresh')).toBe(1);
  expect(server.countCalls('notes.mine')).toBe(50);
});

test('refreshes 30 s ahead of the end of a long-lived token, not sooner', async () => {
  const { server, client, runtime } = await setUpSignedIn();
  runtime.advance(869);
  await client.trpc.notes.mine.query();
  expect(server.countCalls('auth.refresh')).toBe(0);
  runtime.advance(1);
  await client.trpc.notes.mine.query();
  expect(server.countCalls('auth.refresh')).toBe(1);
});

test('refreshes a tenth of the lifetime ahead of the end of a short-lived token', async () => {
  const { server, client, runtime } = await setUp();
  server.setLifetime(60);
  await client.signIn(ada);
  runtime.advance(53);
  await client.trpc.notes.mine.query();
  expect(server.countCalls('auth.refresh')).toBe(0);
  runtime.advance(1);
  await client.trpc.notes.mine.query();
  expect(server.countCalls('auth.refresh')).toBe(1);
});

test('does not believe the wall clock, which may be a day off', async () => {
  onTestFinished(() => void vi.useRealTimers());
  vi.useFakeTimers({ toFake: ['Date'] });
  const { server, client } = await setUpSignedIn();
  vi.setSystemTime(Date.now() + 86_400_000);
  await client.trpc.notes.mine.query();
  vi.setSystemTime(Date.now() - 2 * 86_400_000);
  await client.trpc.notes.mine.query();
  expect(server.countCalls('auth.refresh')).toBe(0);
});

test('replays a call once after token_stale, with the new token', async () => {
  const { server, client } = await setUpSignedIn();
  server.makeTokensStale();
  expect(await client.trpc.notes.add.mutate()).toBe(1);
  expect(server.countCalls('auth.refresh')).toBe(1);
  expect(server.countCalls('notes.add')).toBe(2);
  expect(server.notes).toBe(1);
});

test.each(['token_expired', 'token_stale'] as const)(
  'gives up when the new token is refused as %s too',
  async (reason) => {
    const { server, client } = await setUpSignedIn();
    server.refuse('notes.mine', reason);
    server.refuse('notes.mine', reason);
    expect(reasonOf(await caught(client.trpc.notes.mine.query()))).toBe(reason);
    expect(server.countCalls('notes.mine')).toBe(2);
    expect(server.countCalls('auth.refresh')).toBe(1);
    expect(client.state.getSnapshot().status).toBe('signed-in');
  },
);

test('uses the token that another call has fetched meanwhile', async () => {
  const { server, client } = await setUpSignedIn();
  const held = server.hold('notes.mine');
  server.makeTokensStale();
  const slow = client.trpc.notes.mine.query();
  await held.arrived;
  await client.trpc.notes.add.mutate();
  held.release();
  expect(await slow).toBe(ada.email);
  expect(server.countCalls('auth.refresh')).toBe(1);
});

test('replays under an error formatter that drops the reason', async () => {
  const { server, client } = await setUpSignedIn();
  server.useForeignFormatter();
  server.makeTokensStale();
  expect(await client.trpc.notes.add.mutate()).toBe(1);
});

test('runs a mutation once when its answer is lost', async () => {
  const { server, client } = await setUpSignedIn();
  server.loseReply('notes.add');
  const error = await caught(client.trpc.notes.add.mutate());
  expect(error).toBeInstanceOf(TRPCClientError);
  expect(reasonOf(error)).toBeNull();
  expect(server.notes).toBe(1);
  expect(client.state.getSnapshot().status).toBe('signed-in');
});

test.each(['overloaded', 'rate_limited', 'internal', 'forbidden', 'token_missing'] as const)(
  'never replays after %s, and keeps the session',
  async (reason) => {
    const { server, client } = await setUpSignedIn();
    server.refuse('notes.add', reason);
    expect(reasonOf(await caught(client.trpc.notes.add.mutate()))).toBe(reason);
    expect(server.countCalls('notes.add')).toBe(1);
    expect(server.countCalls('auth.refresh')).toBe(0);
    expect(client.state.getSnapshot().status).toBe('signed-in');
  },
);

test('ends the session once when the server has revoked it', async () => {
  const { server, client } = await setUpSignedIn();
  const changes = countChanges(client);
  server.endSessions();
  const errors = await times(50, () => caught(client.trpc.notes.mine.query()));
  expect(new Set(errors.map(reasonOf))).toEqual(new Set(['session_revoked']));
  expect(changes.statuses).toEqual(['signed-out']);
  expect(client.state.getSnapshot().reason).toBe('session_revoked');
  expect(server.countCalls('auth.refresh')).toBe(0);
});

test('ends the session when the server does not know its token', async () => {
  const { server, client } = await setUpSignedIn();
  server.forgetAccessTokens();
  expect(reasonOf(await caught(client.trpc.notes.mine.query()))).toBe('token_invalid');
  expect(client.state.getSnapshot()).toEqual({
    status: 'signed-out',
    user: null,
    reason: 'token_invalid',
  });
  expect(server.countCalls('notes.mine')).toBe(1);
});

test('does not end the session for a token that was replaced meanwhile', async () => {
  const { server, client } = await setUpSignedIn();
  const held = server.hold('notes.mine');
  const slow = caught(client.trpc.notes.mine.query());
  await held.arrived;
  server.forgetAccessTokens();
  await client.refresh();
  held.release();
  expect(reasonOf(await slow)).toBe('token_invalid');
  expect(client.state.getSnapshot().status).toBe('signed-in');
});

test('is not signed out by a message of the host that looks like a reason', async () => {
  const { client } = await setUpSignedIn();
  await caught(client.trpc.fail.query('No such note: [session_revoked]'));
  await caught(client.trpc.fail.query('No such note: [token_expired]'));
  expect(client.state.getSnapshot().status).toBe('signed-in');
});

test('drops an answer that comes after signing out', async () => {
  const { server, client } = await setUpSignedIn();
  const held = server.holdReply('notes.mine');
  const slow = caught(client.trpc.notes.mine.query());
  await held.arrived;
  await client.signOut();
  held.release();
  const error = await slow;
  expect(error).toBeInstanceOf(TRPCClientError);
  expect(reasonOf(error)).toBe('session_revoked');
});

test('drops an answer for the user before', async () => {
  const { server, client } = await setUpSignedIn();
  const held = server.holdReply('notes.mine');
  const slow = caught(client.trpc.notes.mine.query());
  await held.arrived;
  await client.signIn(eve);
  held.release();
  expect(reasonOf(await slow)).toBe('session_revoked');
  expect(await client.trpc.notes.mine.query()).toBe(eve.email);
});

test('drops a refusal for the user before too', async () => {
  const { server, client } = await setUpSignedIn();
  const held = server.hold('notes.mine');
  const slow = caught(client.trpc.notes.mine.query());
  await held.arrived;
  await client.signIn(eve);
  server.forgetAccessTokens();
  held.release();
  expect(reasonOf(await slow)).toBe('session_revoked');
  expect(client.state.getSnapshot().user?.email).toBe(eve.email);
});

test('never replays a call for the next user, in whatever moment that one signs in', async () => {
  const { server } = await setUp();
  // Lets both answers in together, the second so many microtasks after the first.
  async function race(ticks: number, first: string): Promise<void> {
    const released = Promise.withResolvers<void>();
    const waiting: string[] = [];
    const bothWait = Promise.withResolvers<void>();
    let isRacing = false;
    const client = createClient<TestRouter>({
      url: server.url,
      fetch: async (url, init) => {
        const response = await fetch(url as string, init as RequestInit);
        const answer: unknown = await response.json();
        const path = new URL(url as string).pathname.slice('/trpc/'.length);
        const json = async (): Promise<unknown> => {
          if (isRacing && path !== 'auth.refresh') {
            if (waiting.push(path) === 2) bothWait.resolve();
            await released.promise;
            for (let tick = 0; path !== first && tick < ticks; tick++) await Promise.resolve();
          }
          return answer;
        };
        return { ok: response.ok, json };
      },
    });
    await client.signIn(ada);
    server.makeTokensStale();
    isRacing = true;
    const call = caught(client.trpc.notes.add.mutate());
    const signingIn = client.signIn(eve);
    await bothWait.promise;
    isRacing = false;
    released.resolve();
    expect(reasonOf(await call)).toBe('session_revoked');
    await signingIn;
  }
  for (let ticks = 0; ticks < 24; ticks++) {
    await race(ticks, 'auth.login');
    await race(ticks, 'notes.add');
  }
  expect(server.notes).toBe(0);
});

test('keeps an answer that came for nobody in particular', async () => {
  const { server, client } = await setUp();
  const held = server.holdReply('hello');
  const slow = client.trpc.hello.query();
  await held.arrived;
  await client.signIn(ada);
  held.release();
  expect(await slow).toBe('hello');
});

test('never sends a call of the user before with the token of the next', async () => {
  const { server, client, runtime } = await setUpSignedIn();
  const held = server.holdReply('auth.refresh');
  runtime.advance(900);
  const waiting = caught(client.trpc.notes.mine.query());
  await held.arrived;
  await client.signIn(eve);
  held.release();
  expect(reasonOf(await waiting)).toBe('session_revoked');
  expect(server.countCalls('notes.mine')).toBe(0);
  expect(client.state.getSnapshot().user?.email).toBe(eve.email);
  expect(await client.trpc.notes.mine.query()).toBe(eve.email);
});

test('keeps calls of two sessions in separate requests', async () => {
  const { server } = await setUp();
  let early: Promise<unknown> | undefined;
  const client = createClient<TestRouter>({
    url: server.url,
    // Makes a call in the very moment in which the second sign-in is answered,
    // so that tRPC would put it into one batch with the call made after it.
    fetch: async (url, init) => {
      const response = await fetch(url as string, init as RequestInit);
      const answer: unknown = await response.json();
      return {
        ok: response.ok,
        json: () => {
          if (server.countCalls('auth.login') === 2) {
            early ??= caught(client.trpc.notes.mine.query());
          }
          return Promise.resolve(answer);
        },
      };
    },
  });
  await client.signIn(ada);
  await client.signIn(eve);
  expect(await client.trpc.notes.mine.query()).toBe(eve.email);
  expect(reasonOf(await early)).toBe('session_revoked');
  const requests = server.requests.filter(({ paths }) => paths.includes('notes.mine'));
  expect(requests.map(({ paths }) => paths)).toEqual([['notes.mine'], ['notes.mine']]);
});

test('makes one attempt to refresh when it is refused, and ends the session once', async () => {
  const { server, client, runtime } = await setUpSignedIn();
  const changes = countChanges(client);
  server.refuse('auth.refresh', 'refresh_reused');
  runtime.advance(900);
  const errors = await times(50, () => caught(client.trpc.notes.mine.query()));
  expect(new Set(errors.map(reasonOf))).toEqual(new Set(['refresh_reused']));
  expect(server.countCalls('auth.refresh')).toBe(1);
  expect(server.countCalls('notes.mine')).toBe(0);
  expect(changes.statuses).toEqual(['signed-out']);
  expect(client.state.getSnapshot().reason).toBe('refresh_reused');
  // From here on nobody is signed in, and nothing is refreshed.
  expect(reasonOf(await caught(client.trpc.notes.mine.query()))).toBe('token_missing');
  expect(server.countCalls('auth.refresh')).toBe(1);
});

test.each(['overloaded', 'rate_limited', 'internal'] as const)(
  'keeps the session when a refresh fails with %s',
  async (reason) => {
    const { server, client, runtime } = await setUpSignedIn();
    server.refuse('auth.refresh', reason);
    runtime.advance(900);
    const errors = await times(3, () => caught(client.trpc.notes.mine.query()));
    expect(new Set(errors.map(reasonOf))).toEqual(new Set([reason]));
    expect(server.countCalls('auth.refresh')).toBe(1);
    expect(client.state.getSnapshot().status).toBe('signed-in');
    expect(await client.trpc.notes.mine.query()).toBe(ada.email);
  },
);

test('asks again when the answer to a refresh is lost', async () => {
  const { server, client, runtime } = await setUpSignedIn();
  server.loseReply('auth.refresh');
  runtime.advance(900);
  expect(await client.trpc.notes.mine.query()).toBe(ada.email);
  expect(server.countCalls('auth.refresh')).toBe(2);
  expect(server.reuses).toBe(0);
});

test('asks again when a refresh takes too long', async () => {
  const { server, client, runtime } = await setUpSignedIn();
  const held = server.holdReply('auth.refresh');
  runtime.advance(900);
  const call = client.trpc.notes.mine.query();
  await held.arrived;
  runtime.passTimeouts();
  expect(await call).toBe(ada.email);
  held.release();
  expect(server.reuses).toBe(0);
});

test('keeps the session when the answer to a refresh is lost twice', async () => {
  const { server, client, runtime } = await setUpSignedIn();
  server.loseReply('auth.refresh');
  server.loseReply('auth.refresh');
  runtime.advance(900);
  const error = await caught(client.trpc.notes.mine.query());
  expect(reasonOf(error)).toBeNull();
  expect(server.countCalls('auth.refresh')).toBe(2);
  expect(client.state.getSnapshot().status).toBe('signed-in');
  expect(await client.trpc.notes.mine.query()).toBe(ada.email);
});

test('stops waiting for a refresh when the call is aborted', async () => {
  const { server, client, runtime } = await setUpSignedIn();
  const held = server.hold('auth.refresh');
  runtime.advance(900);
  const controller = new AbortController();
  const call = caught(client.trpc.notes.mine.query(undefined, { signal: controller.signal }));
  await held.arrived;
  controller.abort();
  expect(await call).toBeInstanceOf(TRPCClientError);
  held.release();
  expect(await client.trpc.notes.mine.query()).toBe(ada.email);
  expect(server.countCalls('notes.mine')).toBe(1);
});

test('does not wait at all for a call that was aborted before', async () => {
  const { server, client, runtime } = await setUpSignedIn();
  const held = server.hold('auth.refresh');
  runtime.advance(900);
  const call = client.trpc.notes.mine.query(undefined, { signal: AbortSignal.abort() });
  expect(await caught(call)).toBeInstanceOf(TRPCClientError);
  held.release();
});

test('aborts the request of a call that is aborted', async () => {
  const { server, client } = await setUpSignedIn();
  const held = server.hold('notes.mine');
  const controller = new AbortController();
  const call = caught(client.trpc.notes.mine.query(undefined, { signal: controller.signal }));
  await held.arrived;
  controller.abort();
  expect(await call).toBeInstanceOf(TRPCClientError);
  held.release();
});

test('batches ordinary calls by ten and sends calls with credentials alone', async () => {
  const { server, client } = await setUpSignedIn();
  await Promise.all([
    times(25, () => client.trpc.notes.add.mutate()),
    client.trpc.user.changePassword.mutate({ currentPassword: 'password', newPassword: 'next' }),
  ]);
  const sizes = server.requests
    .filter((request) => request.paths.includes('notes.add'))
    .map((request) => request.paths.length);
  expect(sizes).toEqual([10, 10, 5]);
  for (const path of ['auth.login', 'user.changePassword']) {
    const request = server.requests.find(({ paths }) => paths.includes(path));
    expect(request?.paths).toEqual([path]);
    expect(request?.url).not.toContain('batch');
  }
});

test('splits a batch whose address would grow too long for a proxy', async () => {
  const { server, client } = await setUpSignedIn();
  const text = 'x'.repeat(3_000);
  expect(await times(4, () => client.trpc.notes.search.query(text))).toEqual(Array(4).fill(3_000));
  const lengths = server.requests.map(({ url }) => url.length);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(8_000);
});

test('sends form data', async () => {
  const { server, client } = await setUpSignedIn();
  server.makeTokensStale();
  const form = new FormData();
  form.set('title', 'a note');
  expect(await client.trpc.notes.upload.mutate(form)).toBe('a note');
});

test('goes on with the tokens that a password change answers', async () => {
  const { server, client, runtime } = await setUpSignedIn();
  await client.trpc.user.changePassword.mutate({
    currentPassword: 'password',
    newPassword: 'next',
  });
  expect(await client.trpc.notes.mine.query()).toBe(ada.email);
  expect(authorizationOf(server, 'notes.mine')).toEqual(['Bearer access.s1.2']);
  runtime.advance(900);
  expect(await client.trpc.notes.mine.query()).toBe(ada.email);
  expect(server.reuses).toBe(0);
});

test('lets no refresh pass while a password change is under way', async () => {
  const { server, client } = await setUpSignedIn();
  const held = server.holdReply('user.changePassword');
  const changing = client.trpc.user.changePassword.mutate({
    currentPassword: 'password',
    newPassword: 'next',
  });
  await held.arrived;
  const refreshing = client.refresh();
  held.release();
  await changing;
  await refreshing;
  expect(server.reuses).toBe(0);
  expect(client.state.getSnapshot().status).toBe('signed-in');
});

test('shows what user.update answers', async () => {
  const { client } = await setUpSignedIn();
  await client.trpc.user.update.mutate({ name: 'Ada' });
  expect(client.state.getSnapshot().user?.name).toBe('Ada');
});

test('ends the session with the account, with all sessions, and with auth.logout', async () => {
  const { client } = await setUp();
  const ways = [
    () => client.trpc.user.delete.mutate({ password: 'password' }),
    () => client.trpc.session.revokeAll.mutate(),
    () => client.trpc.auth.logout.mutate(),
  ];
  for (const end of ways) {
    await client.signIn(ada);
    await end();
    expect(client.state.getSnapshot()).toEqual({ status: 'signed-out', user: null, reason: null });
  }
});

test('goes on when auth.logout ends another session than its own', async () => {
  const { server, client } = await setUpSignedIn();
  await client.trpc.auth.logout.mutate({ refreshToken: 'refresh.s9.0' });
  expect(client.state.getSnapshot().status).toBe('signed-in');
  expect(server.liveSessions).toBe(1);
});

test('follows no redirect with a password or a token', async () => {
  const { server, client } = await setUpSignedIn();
  await using elsewhere = await createAuthServer();
  server.redirectTo(`${elsewhere.url}/auth.login`);
  await caught(client.signIn(ada));
  server.redirectTo(`${elsewhere.url}/notes.mine`);
  await caught(client.trpc.notes.mine.query());
  expect(elsewhere.requests).toEqual([]);
});

test('keeps tokens out of addresses and errors', async () => {
  const { server, client } = await setUpSignedIn();
  server.refuse('notes.mine', 'forbidden');
  const error = await caught(client.trpc.notes.mine.query());
  server.loseReply('notes.mine');
  const lost = await caught(client.trpc.notes.mine.query());
  const { inspect } = await import('node:util');
  const shown = inspect([error, lost, client], { depth: 20, showHidden: true, getters: true });
  expect(shown).not.toMatch(/access\.|refresh\./);
  for (const { url } of server.requests) expect(url).not.toMatch(/access\.s|refresh\.s/);
});

test('sends given headers, but for authorization, which is its own', async () => {
  const { server } = await setUp();
  const client = createClient<TestRouter>({
    url: server.url,
    headers: () => new Headers({ 'X-Trace': 'abc', Authorization: 'Basic eDp5' }),
  });
  await client.trpc.hello.query();
  await client.signIn(ada);
  await client.trpc.hello.query();
  expect(server.requests.map(({ headers }) => headers['x-trace'])).toEqual(['abc', 'abc', 'abc']);
  expect(authorizationOf(server, 'hello')).toEqual([undefined, 'Bearer access.s1.1']);
});

test('leaves cookies away from calls that carry their credential', async () => {
  const { server } = await setUp();
  const sent = new Map<string, RequestInit['credentials']>();
  const client = createClient<TestRouter>({
    url: server.url,
    fetch: (url, init) => {
      const options = init as RequestInit;
      sent.set(new URL(url as string).pathname, options.credentials);
      return fetch(url as string, options);
    },
  });
  await client.signIn(ada);
  await client.refresh();
  await client.trpc.hello.query();
  expect(Object.fromEntries(sent)).toEqual({
    '/trpc/auth.login': 'omit',
    '/trpc/auth.refresh': 'omit',
    '/trpc/hello': 'same-origin',
  });
});

test('serves other clients with the same session through its links', async () => {
  const { client } = await setUpSignedIn();
  const other = createTRPCClient<TestRouter>({ links: client.links });
  expect(await other.notes.mine.query()).toBe(ada.email);
  await other.auth.login.mutate(eve);
  expect(client.state.getSnapshot().user?.email).toBe(eve.email);
});

test('leaves subscriptions to the next link', async () => {
  const { client } = await setUpSignedIn();
  const last: TRPCLink<TestRouter> = () => () =>
    observable((observer) => {
      observer.next({ result: { type: 'data', data: 'event' } });
      observer.complete();
    });
  const { createTRPCUntypedClient } = await import('@trpc/client');
  const other = createTRPCUntypedClient<TestRouter>({ links: [...client.links, last] });
  const events: unknown[] = [];
  for await (const event of other.subscription('any', undefined)) events.push(event);
  expect(events).toEqual(['event']);
});
