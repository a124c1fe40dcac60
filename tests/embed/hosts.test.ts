import {
  createTRPCClient,
  httpBatchLink,
  httpLink,
  splitLink,
  type TRPCClient,
} from '@trpc/client';
import { reasonOf } from 'latchkey/client';
import { LatchkeyError } from 'latchkey/server';
import { createTestLatchkey, testPassword } from 'latchkey/testing';
import superjson, { type SuperJSONResult } from 'superjson';
import { describe, expect, test, vi } from 'vitest';
import {
  claimsOf,
  createHostApplication,
  roles,
  type Db,
  type HostRouter,
} from './host-application.ts';
import { adapterHosts, edgeHosts, type Host, type HostServer } from './hosts.ts';

/** One of the kit's own origins. */
const origin = 'http://localhost:4000';
const json = { 'content-type': 'application/json' };
const account = { email: 'ada@example.com', password: testPassword };

async function startHost(host: Host, { rateLimits = false } = {}) {
  const kit = await createTestLatchkey({ roles, claims: claimsOf, rateLimits });
  const db: Db = { posts: [] };
  const { router } = createHostApplication(kit.latchkey, db);
  const server = await host.start({ latchkey: kit.latchkey, router, db });
  return {
    kit,
    server,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await kit.close();
    },
  };
}

/** A client as an application has it: what checks a credential goes alone. */
function createHostClient(server: HostServer, accessToken?: string): TRPCClient<HostRouter> {
  const link = {
    url: 'http://host.example',
    transformer: superjson,
    headers: accessToken === undefined ? {} : { authorization: `Bearer ${accessToken}` },
    fetch: (url: string | URL | Request, init?: object) => {
      const { pathname, search } = new URL(url instanceof Request ? url.url : url);
      return server.call(`${pathname}${search}`, init);
    },
  };
  return createTRPCClient<HostRouter>({
    links: [
      splitLink({
        condition: ({ path }) => path.includes('auth.'),
        true: httpLink(link),
        false: httpBatchLink(link),
      }),
    ],
  });
}

function post(input: unknown, headers: Record<string, string> = {}): RequestInit {
  return { method: 'POST', headers: { ...json, ...headers }, body: JSON.stringify(input) };
}

/** What superjson makes of an answer; `undefined` for a refusal. */
function readData(answer: unknown): unknown {
  const { result } = answer as { result?: { data: SuperJSONResult } };
  return result && superjson.deserialize(result.data);
}

/** Reasons of the refusals in a batch's answer. */
function readReasons(answers: unknown): unknown[] {
  return (answers as { error?: SuperJSONResult }[]).map(
    ({ error }) => error && reasonOf(superjson.deserialize(error)),
  );
}

function isOfHost(cookie: string): boolean {
  return cookie.startsWith('theme=');
}

/** Our one cookie, beside that of the host. */
function cookieOf(answer: Response): string {
  const cookies = answer.headers.getSetCookie().filter((cookie) => !isOfHost(cookie));
  expect(cookies).toHaveLength(1);
  return cookies[0] ?? '';
}

describe.each([...edgeHosts, ...adapterHosts])('$name', (host) => {
  test('signs in, is recognised, calls the host and refreshes', async () => {
    await using running = await startHost(host);
    const stranger = createHostClient(running.server);
    const registered = await stranger.auth.register.mutate(account);
    const signedIn = await stranger.account.auth.login.mutate(account);
    const ada = createHostClient(running.server, signedIn.accessToken);
    const [me, mine, sessions] = await Promise.all([
      ada.user.me.query(),
      ada.posts.mine.query(),
      ada.session.list.query(),
    ]);
    expect(me).toEqual(registered.user);
    expect(mine).toEqual([]);
    expect(sessions.map(({ ip }) => ip)).toEqual([host.clientIp, host.clientIp]);

    const refreshToken = signedIn.refreshToken ?? '';
    const refreshed = await stranger.auth.refresh.mutate({ refreshToken });
    const adaStill = createHostClient(running.server, refreshed.accessToken);
    expect(await adaStill.account.user.me.query()).toEqual(me);
    await expect(adaStill.posts.purge.mutate()).rejects.toMatchObject({
      data: { reason: 'forbidden', service: 'posts', path: 'posts.purge', httpStatus: 403 },
    });
    await expect(createHostClient(running.server).user.me.query()).rejects.toMatchObject({
      data: { reason: 'token_missing', httpStatus: 401 },
    });
  });

  test('keeps the refresh token in a cookie in cookie mode', async () => {
    await using running = await startHost(host);
    const { call } = running.server;
    const mode = { 'x-latchkey-mode': 'cookie', origin };
    const input = superjson.serialize(account);
    const registered = await call('/auth.register', post(input, mode));
    expect(registered.headers.getSetCookie().filter(isOfHost)).toHaveLength(
      host.setsCookie ? 1 : 0,
    );
    const cookie = cookieOf(registered);
    expect(cookie).toMatch(/^latchkey=[\w-]+; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Strict$/);
    expect(registered.headers.get('cache-control')).toBe('no-store');
    expect(readData(await registered.json())).toMatchObject({ refreshToken: null });

    const sent = { ...mode, cookie: cookie.split(';')[0] ?? '' };
    const refreshed = await call('/auth.refresh', post(superjson.serialize({}), sent));
    expect(refreshed.status).toBe(200);
    expect(cookieOf(refreshed)).not.toBe(cookie);
    const foreign = { ...sent, origin: 'https://evil.example' };
    expect((await call('/auth.refresh', post(superjson.serialize({}), foreign))).status).toBe(403);
    const out = await call('/account.auth.logout', post(superjson.serialize({}), sent));
    expect(cookieOf(out)).toContain('Max-Age=0');
  });

  test('says when to come again', async () => {
    await using running = await startHost(host, { rateLimits: true });
    const { call } = running.server;
    const guess = (attempt: number) => {
      const email = `${attempt}@nobody.example`;
      return call('/auth.login', post(superjson.serialize({ ...account, email })));
    };
    for (let attempt = 0; attempt < 10; attempt += 1) {
      expect((await guess(attempt)).status).toBe(401);
    }
    const refused = await guess(10);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test('lets no batch check two credentials', async () => {
    await using running = await startHost(host);
    const { user } = await running.kit.signInAs({ email: account.email });
    const input = superjson.serialize(account);
    for (const paths of ['auth.login,auth.login', 'auth.login,account.auth.login']) {
      const answer = await running.server.call(`/${paths}?batch=1`, post({ 0: input, 1: input }));
      expect(answer.status).toBe(400);
      expect(await answer.text()).not.toContain('accessToken');
    }
    const { store } = running.kit.composition.accounts;
    expect(await store.listSessions(user.id, running.kit.clock.now())).toHaveLength(1);
  });

  test('answers no credential call in a stream, and others with their refusals', async () => {
    await using running = await startHost(host);
    const stream = { 'trpc-accept': 'application/jsonl' };
    const login = await running.server.call(
      '/auth.register?batch=1',
      post({ 0: superjson.serialize(account) }, stream),
    );
    const text = await login.text();
    expect(text).toContain('"invalid_input"');
    expect(text).not.toContain('accessToken');

    const { accessToken } = await running.kit.signInAs({ role: 'reader' });
    const authorization = `Bearer ${accessToken}`;
    // The store fails once the head of the answer has gone, so that `Retry-After` is too late.
    const head = Promise.withResolvers<void>();
    const { store } = running.kit.composition.accounts;
    vi.spyOn(store, 'findSession').mockImplementationOnce(async () => {
      await head.promise;
      throw new LatchkeyError('overloaded', { retryAfterSeconds: 1 });
    });
    const answer = await running.server.call('/user.me,posts.count?batch=1', {
      headers: { ...stream, authorization },
    });
    head.resolve();
    expect(answer.status).toBe(200);
    const lines = await answer.text();
    expect(lines).toContain('"overloaded"');
    expect(lines).not.toContain('"internal"');
  });

  test('authenticates a batch once', async () => {
    await using running = await startHost(host);
    const { accessToken } = await running.kit.signInAs({ role: 'editor' });
    const findSession = vi.spyOn(running.kit.composition.accounts.store, 'findSession');
    const paths = ['user.me', 'posts.mine', 'posts.read', 'posts.review', 'account.user.me'];
    const answer = await running.server.call(`/${paths.join(',')}?batch=1`, {
      headers: { authorization: `Bearer ${accessToken}` },
    });
    const answers = (await answer.json()) as unknown[];
    expect(readReasons(answers)).toEqual(paths.map(() => undefined));
    expect(readData(answers[0])).toEqual(readData(answers[4]));
    expect(findSession).toHaveBeenCalledTimes(1);
  });
});

describe.each(edgeHosts)('$name, behind the edge', (host) => {
  test('leaves other paths to the host', async () => {
    await using running = await startHost(host);
    const { hello } = running.server;
    if (hello) expect(await (await hello()).text()).toBe('hello');
    expect((await running.server.call('s/auth.login')).status).toBe(404);
  });

  test('takes a call without input, an empty body and a batch with either', async () => {
    await using running = await startHost(host);
    const { call } = running.server;
    const { accessToken } = await running.kit.signInAs({ role: 'admin' });
    const headers = { ...json, authorization: `Bearer ${accessToken}` };
    const empty = { method: 'POST', headers };
    expect((await call('/posts.purge', empty)).status).toBe(200);
    expect((await call('/session.revokeOthers?batch=1', { ...empty, body: '{}' })).status).toBe(
      200,
    );
    const mixed = await call('/posts.purge,session.revokeOthers,admin.setRole?batch=1', {
      ...empty,
      body: JSON.stringify({ 2: superjson.serialize({ userId: 'nobody', role: 'editor' }) }),
    });
    expect(readReasons(await mixed.json())).toEqual([undefined, undefined, 'invalid_input']);
  });

  test.each([
    { what: 'text', headers: { 'content-type': 'text/plain' }, body: '{}', status: 415 },
    { what: 'no type', headers: { 'content-type': '' }, body: '{}', status: 415 },
    { what: 'half an object', headers: json, body: '{"json":', status: 400 },
    { what: 'a long body', headers: json, body: `{"json":"${'x'.repeat(33_000)}"}`, status: 413 },
    { what: 'a deep one', headers: json, body: '['.repeat(40) + ']'.repeat(40), status: 400 },
  ])('refuses $what before any call', async ({ headers, body, status }) => {
    await using running = await startHost(host);
    const answer = await running.server.call('/auth.login', { method: 'POST', headers, body });
    expect(answer.status).toBe(status);
  });
});

test.each(['trpc', '/trpc/', '/', '', '/a?b'])(
  'refuses the base path %j at construction',
  async (basePath) => {
    await using kit = await createTestLatchkey();
    const { latchkey } = kit;
    expect(() => latchkey.nodeHandler({ basePath })).toThrow(/^basePath: not valid\. Wanted: /);
    expect(() => latchkey.fetchHandler({ basePath })).toThrow(/^basePath: not valid\. Wanted: /);
  },
);
