import { TRPCClientError } from '@trpc/client';
import { initTRPC } from '@trpc/server';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { reasonOf } from 'latchkey/client';
import { reasons, type LatchkeyContext, type Logger } from 'latchkey/server';
import { createTestLatchkey, testPassword } from 'latchkey/testing';
import { expect, test } from 'vitest';
import { z, ZodError } from 'zod';
import {
  claimsOf,
  createHostApplication,
  roles,
  type Db,
  type HostRouter,
} from './host-application.ts';

/** A host in a test of its own: the kit with the host's options, and its application on that. */
async function startHost(logger?: Logger) {
  const kit = await createTestLatchkey({ roles, claims: claimsOf, ...(logger && { logger }) });
  const db: Db = { posts: [] };
  return {
    kit,
    db,
    application: createHostApplication(kit.latchkey, db),
    [Symbol.asyncDispose]: kit.close,
  };
}

/** Keeps what is logged. */
function createMemoryLogger(): Logger & { readonly lines: object[] } {
  const lines: object[] = [];
  const log = (fields: object, message: string) => {
    lines.push({ ...fields, message });
  };
  return { lines, info() {}, warn: log, error: log };
}

/** What a call was refused with, as the client has it. */
async function refusalOf(call: Promise<unknown>): Promise<TRPCClientError<HostRouter>> {
  const error = await call.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof TRPCClientError) return error as TRPCClientError<HostRouter>;
  throw new Error('The call was not refused.', { cause: error });
}

test('works at the root and under another name, by the same tokens', async () => {
  await using host = await startHost();
  const stranger = await host.kit.clientAs(null, host.application);
  const account = { email: 'ada@example.com', password: testPassword };
  const registered = await stranger.account.auth.register.mutate(account);
  const signedIn = await stranger.auth.login.mutate(account);
  expect(signedIn.user).toEqual(registered.user);

  const ada = await host.kit.clientAs({ email: account.email }, host.application);
  const [me, sameMe, sessions] = await Promise.all([
    ada.user.me.query(),
    ada.account.user.me.query(),
    ada.account.session.list.query(),
  ]);
  expect(me).toEqual(registered.user);
  expect(sameMe).toEqual(me);
  expect(sessions).toHaveLength(3);
});

test("calls go through the host's transformer, with the host's context", async () => {
  await using host = await startHost();
  const editor = await host.kit.clientAs({ role: 'editor' }, host.application);
  const writtenAt = new Date('2026-01-02T03:04:05Z');
  await editor.posts.write.mutate({ title: 'Hello', writtenAt });
  const { id } = await editor.user.me.query();
  expect(await editor.posts.mine.query()).toEqual([{ title: 'Hello', writtenAt, authorId: id }]);
  expect(host.db.posts).toHaveLength(1);
});

const who = ['nobody', 'user', 'reader', 'editor', 'admin'] as const;
test.each([
  ['count', ['nobody', 'user', 'reader', 'editor', 'admin']],
  ['mine', ['user', 'reader', 'editor', 'admin']],
  ['read', ['reader', 'editor', 'admin']],
  ['write', ['editor', 'admin']],
  ['review', ['reader', 'editor', 'admin']],
  ['purge', ['admin']],
] as const)('posts.%s lets in %j', async (name, allowed: readonly string[]) => {
  await using host = await startHost();
  const outcomes = await Promise.all(
    who.map(async (role) => {
      const user = role === 'nobody' ? null : { role };
      const { posts } = await host.kit.callerAs(user, host.application);
      const call =
        name === 'write' ? posts.write({ title: role, writtenAt: new Date(0) }) : posts[name]();
      return call.then(() => 'let in', reasonOf);
    }),
  );
  expect(outcomes).toEqual(
    who.map((role) => {
      if (allowed.includes(role)) return 'let in';
      return role === 'nobody' ? 'token_missing' : 'forbidden';
    }),
  );
});

test('an admin gives a role of the host, and it counts from the next call on', async () => {
  await using host = await startHost();
  const admin = await host.kit.clientAs({ role: 'admin' }, host.application);
  const user = await host.kit.clientAs({ email: 'ada@example.com' }, host.application);
  const { id } = await user.user.me.query();

  const promoted = await admin.account.admin.setRole.mutate({ userId: id, role: 'editor' });
  expect(promoted.role).toBe('editor');
  expect(reasonOf(await refusalOf(user.posts.mine.query()))).toBe('token_stale');
  const again = await host.kit.clientAs({ email: 'ada@example.com' }, host.application);
  await again.posts.write.mutate({ title: 'Now I may', writtenAt: new Date(0) });
  const editors = await admin.admin.listUsers.query({ role: 'editor' });
  expect(editors.users.map((each) => each.id)).toEqual([id]);
});

test("the host's claims are in the token and in the context", async () => {
  await using host = await startHost();
  const { accessToken, user } = await host.kit.signInAs({ role: 'editor' });
  const [, payload = ''] = accessToken.split('.');
  const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
  expect(claims).toMatchObject({ plan: 'paid', teams: ['editors'], sub: user.id, role: 'editor' });

  const caller = await host.kit.callerAs({ role: 'user' }, host.application);
  const me = await caller.posts.whoAmI();
  expect(me.claims).toEqual({ plan: 'free', teams: ['users'] });
});

test("a refusal has its reason beside what the host's formatter adds", async () => {
  await using host = await startHost();
  const reader = await host.kit.clientAs({ role: 'reader' }, host.application);
  const refused = await refusalOf(
    reader.posts.write.mutate({ title: 'Not mine to write', writtenAt: new Date(0) }),
  );
  expect(refused.data).toEqual({
    code: 'FORBIDDEN',
    httpStatus: 403,
    path: 'posts.write',
    reason: 'forbidden',
    service: 'posts',
  });
});

test("a host's input is refused with issues, and its own words stay its own", async () => {
  await using host = await startHost();
  const editor = await host.kit.clientAs({ role: 'editor' }, host.application);
  const post = { title: 'Twice', writtenAt: new Date(0) };
  await editor.posts.write.mutate(post);

  const twice = await refusalOf(editor.posts.write.mutate(post));
  expect(twice.message).toBe('Choose another title.');
  expect(twice.data?.reason).toBe('invalid_input');

  const empty = await refusalOf(editor.posts.write.mutate({ ...post, title: '' }));
  expect(empty.data).toMatchObject({
    reason: 'invalid_input',
    issues: [{ path: ['title'], code: 'too_small' }],
  });
});

test('an unexpected error is constant text in the answer and a place in the log', async () => {
  const logger = createMemoryLogger();
  await using host = await startHost(logger);
  const user = await host.kit.clientAs({}, host.application);
  const failed = await refusalOf(user.posts.fail.query());
  expect(failed.data).toMatchObject({ reason: 'internal', code: 'INTERNAL_SERVER_ERROR' });
  expect(logger.lines).toMatchObject([
    {
      message: 'call failed',
      path: 'posts.fail',
      requestId: failed.data?.requestId,
      error: 'Error',
    },
  ]);
  expect(JSON.stringify([failed.shape, logger.lines])).not.toContain('hunter2');
});

test.each([[true], [false]])(
  'a forgotten context says in the log what to spread; our formatter: %s',
  async (isOurFormatter) => {
    const logger = createMemoryLogger();
    await using host = await startHost(logger);
    const { routers, errorFormatter } = host.kit.latchkey;
    const t = initTRPC.context<{ readonly db: Db }>().create({
      isDev: false,
      errorFormatter: ({ shape, error }) =>
        isOurFormatter ? errorFormatter({ shape, error }) : shape,
    });
    // tRPC does not ask nested routers for their context.
    const router = t.router({ account: t.router(routers) });
    const call = (path: string, init?: RequestInit) =>
      fetchRequestHandler({
        endpoint: '/trpc',
        req: new Request(`http://localhost/trpc/${path}`, init),
        router,
        createContext: () => ({ db: host.db }),
      });
    const answers = [
      await call('account.user.me'),
      await call('account.auth.login', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ email: 'ada@example.com', password: testPassword }),
      }),
    ];
    for (const answer of answers) {
      expect(answer.status).toBe(500);
      expect(await answer.json()).toMatchObject({
        error: { message: `${reasons.internal.message} [internal]` },
      });
    }
    expect(logger.lines).toMatchObject(
      ['account.user.me', 'account.auth.login'].map((path) => ({
        message: 'call failed',
        path,
        problems: [expect.stringContaining('...latchkey.createContext(opts)')],
      })),
    );
  },
);

test('the reason is found under a formatter that knows nothing of us', async () => {
  await using host = await startHost();
  const { latchkey } = host.kit;
  const seen: unknown[] = [];
  const t = initTRPC.context<LatchkeyContext>().create({
    isDev: false,
    errorFormatter({ shape, error }) {
      seen.push(error.cause);
      return { message: shape.message, code: shape.code, data: { httpStatus: 400 } };
    },
  });
  const router = t.router({
    ...latchkey.routers,
    add: t.procedure
      .concat(latchkey.requirePermission('post:write'))
      .input(z.object({ title: z.string() }))
      .mutation((): void => {
        throw new Error('The password of the database is hunter2.');
      }),
  });
  const endpoint = { router, createContext: latchkey.createContext };
  const stranger = await host.kit.clientAs(null, endpoint);
  const reader = await host.kit.clientAs({ role: 'reader' }, endpoint);
  const editor = await host.kit.clientAs({ role: 'editor' }, endpoint);
  const errors = await Promise.all(
    [
      stranger.user.me.query(),
      stranger.auth.login.mutate({ email: 'nobody@example.com', password: 'wrong' }),
      stranger.auth.login.mutate({ email: 'not an address', password: 'wrong' }),
      reader.add.mutate({ title: '' }),
      editor.add.mutate({ title: '' }),
      // @ts-expect-error -- a title is text
      editor.add.mutate({ title: 1 }),
    ].map(refusalOf),
  );
  expect(errors.map(reasonOf)).toEqual([
    'token_missing',
    'invalid_credentials',
    'invalid_input',
    'forbidden',
    'internal',
    'invalid_input',
  ]);
  expect(JSON.stringify(errors.map(({ shape }) => shape))).not.toContain('hunter2');
  // What such formatters look for is still there.
  expect(seen.filter((cause) => cause instanceof ZodError)).toHaveLength(2);
  expect(seen.map(String)).toContain('Error: The password of the database is hunter2.');
});
