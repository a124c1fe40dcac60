import { createTRPCClient, httpBatchLink, TRPCClientError } from '@trpc/client';
import {
  initTRPC,
  type inferProcedureErrorShape,
  type inferRouterError,
  type inferRouterInputs,
  type inferRouterOutputs,
} from '@trpc/server';
import {
  createLatchkey,
  type AuthResult,
  type CurrentSession,
  type CustomClaims,
  type FetchHandler,
  type JsonValue,
  type LatchkeyContext,
  type NodeHandler,
  type Reason,
  type User,
} from 'latchkey/server';
import { createTestLatchkey } from 'latchkey/testing';
import superjson from 'superjson';
import { expectTypeOf, test } from 'vitest';
import {
  claimsOf,
  createHostApplication,
  roles,
  type Db,
  type HostLatchkey,
  type HostRouter,
  type Post,
} from './host-application.ts';
import type { appRouter, client, kit } from './host-trpc.ts';

type Role = 'user' | 'admin' | 'editor' | 'reader';
type Inputs = inferRouterInputs<HostRouter>;
type Outputs = inferRouterOutputs<HostRouter>;

declare const latchkey: HostLatchkey;
declare const db: Db;
const t = initTRPC.context<LatchkeyContext & { readonly db: Db }>().create();

test('the declared options make the declared type', () => {
  expectTypeOf(createLatchkey({ roles, claims: claimsOf })).resolves.toEqualTypeOf<HostLatchkey>();
  expectTypeOf(createTestLatchkey({ roles, claims: claimsOf }))
    .resolves.toHaveProperty('latchkey')
    .toEqualTypeOf<HostLatchkey>();
});

test("a concatenated procedure has the host's context and ours", () => {
  t.procedure.concat(latchkey.protectedProcedure).query(({ ctx }) => {
    expectTypeOf(ctx.db).toEqualTypeOf<Db>();
    expectTypeOf(ctx.user).not.toBeAny();
    expectTypeOf(ctx.user).toEqualTypeOf<User<Role>>();
    expectTypeOf(ctx.session).toEqualTypeOf<CurrentSession>();
    expectTypeOf(ctx.claims).not.toBeAny();
    expectTypeOf(ctx.claims).toEqualTypeOf<ReturnType<typeof claimsOf>>();
    expectTypeOf(ctx.claims.plan).toEqualTypeOf<'free' | 'paid'>();
    // @ts-expect-error -- users have no such field
    void ctx.user.nickname;
  });
});

test('a host declares nothing and gets the two roles, no permission and no claim', () => {
  void createLatchkey().then((plain) => {
    expectTypeOf(plain.requirePermission).parameter(0).toEqualTypeOf<never>();
    expectTypeOf(plain.requireRole).parameter(0).toEqualTypeOf<'user' | 'admin'>();
    plain.protectedProcedure.query(({ ctx }) => {
      expectTypeOf(ctx.claims).toEqualTypeOf<Record<never, never>>();
    });
  });
});

test('claims written in place are typed, too', () => {
  const made = createLatchkey({
    roles: { editor: [] },
    claims: (user) => {
      expectTypeOf(user).toEqualTypeOf<User<'user' | 'admin' | 'editor'>>();
      return { tenant: 7, flags: ['beta'], nickname: user.name ?? undefined };
    },
  });
  void made.then(({ protectedProcedure }) =>
    t.procedure.concat(protectedProcedure).query(({ ctx }) => {
      expectTypeOf(ctx.claims.tenant).toEqualTypeOf<number>();
      expectTypeOf(ctx.claims.flags).toEqualTypeOf<string[]>();
      expectTypeOf(ctx.claims.nickname).toEqualTypeOf<string | undefined>();
      // @ts-expect-error -- nobody declared it
      void ctx.claims.other;
    }),
  );
});

test('claims have names of their own and are JSON', () => {
  expectTypeOf<CustomClaims['sub']>().toEqualTypeOf<undefined>();
  expectTypeOf<CustomClaims['plan']>().toEqualTypeOf<JsonValue | undefined>();
  // @ts-expect-error -- the subject is ours
  void createLatchkey({ claims: () => ({ sub: 'somebody else' }) });
  // @ts-expect-error -- so is the role
  void createLatchkey({ claims: async () => ({ plan: 'free', role: 'admin' }) });
  // @ts-expect-error -- RFC 9068 has given this one a meaning
  void createLatchkey({ claims: () => ({ scope: 'everything' }) });
  // @ts-expect-error -- a Date comes back as text
  void createLatchkey({ claims: () => ({ since: new Date() }) });
  // @ts-expect-error -- a BigInt does not go in at all
  void createLatchkey({ claims: () => ({ nested: { size: 1n } }) });
});

test('permissions and roles are those that were declared', () => {
  expectTypeOf(latchkey.requirePermission).parameter(0).toEqualTypeOf<'post:write' | 'post:read'>();
  // @ts-expect-error -- a typo
  latchkey.requirePermission('post:wriet');
  latchkey.requireRole('editor', 'reader');
  // @ts-expect-error -- a typo
  latchkey.requireRole('editr');
  // @ts-expect-error -- nobody would be let in
  latchkey.requireRole();
  void latchkey.createUser({ email: 'a@b.example', role: 'editor', secret: { password: 'x' } });
  // @ts-expect-error -- a typo
  void latchkey.createUser({ email: 'a@b.example', role: 'editr', secret: { password: 'x' } });
});

test('a context without our part does not compile where it is checked', () => {
  const bare = initTRPC.context<{ readonly db: Db }>().create();
  // @ts-expect-error -- Context mismatch
  bare.procedure.concat(latchkey.protectedProcedure);
  // @ts-expect-error -- Context mismatch
  bare.procedure.concat(latchkey.requirePermission('post:read'));

  // @ts-expect-error -- there is no `latchkey` in the context to format from
  initTRPC.context<{ readonly db: Db }>().create({ errorFormatter: latchkey.errorFormatter });

  // Nesting is not checked by tRPC, but serving is by us, and calling is by the test kit.
  const nested = bare.router(latchkey.routers);
  const handler = latchkey.nodeHandler({
    router: nested,
    createContext: (source) => ({ ...latchkey.createContext(source), db }),
  });
  expectTypeOf(handler).toEqualTypeOf<NodeHandler>();
  // @ts-expect-error -- `latchkey` is missing
  latchkey.nodeHandler({ router: nested, createContext: () => ({ db }) });
  // @ts-expect-error -- `latchkey` is missing
  latchkey.fetchHandler({ router: nested, createContext: async () => ({ db }) });
});

test("a handler wants the whole of the router's context", () => {
  const { router } = createHostApplication(latchkey);
  const handler = latchkey.fetchHandler({
    router,
    basePath: '/api/trpc',
    createContext: async (source) => ({ ...latchkey.createContext(source), db }),
  });
  expectTypeOf(handler).toEqualTypeOf<FetchHandler>();
  latchkey.nodeHandler({ basePath: '/api/trpc' });
  latchkey.nodeHandler({ router: latchkey.appRouter, createContext: latchkey.createContext });
  // @ts-expect-error -- `db` is missing
  latchkey.nodeHandler({ router, createContext: latchkey.createContext });
  // @ts-expect-error -- `db` is missing
  latchkey.fetchHandler({ router, createContext: (source) => latchkey.createContext(source) });
  // @ts-expect-error -- nothing makes the context
  latchkey.nodeHandler({ router });
});

test('inputs and outputs know the roles, wherever the routers are nested', () => {
  expectTypeOf<Inputs['admin']['setRole']>().toEqualTypeOf<{ userId: string; role: Role }>();
  expectTypeOf<Inputs['account']>().toEqualTypeOf<
    Pick<Inputs, 'auth' | 'user' | 'session' | 'admin'>
  >();
  expectTypeOf<Outputs['account']>().toEqualTypeOf<
    Pick<Outputs, 'auth' | 'user' | 'session' | 'admin'>
  >();
  expectTypeOf<Exclude<Inputs['admin']['listUsers'], void | undefined>['role']>().toEqualTypeOf<
    Role | undefined
  >();
  expectTypeOf<Outputs['user']['me']>().not.toBeAny();
  expectTypeOf<Outputs['user']['me']>().toEqualTypeOf<User<Role>>();
  expectTypeOf<Outputs['auth']['login']>().toEqualTypeOf<AuthResult<Role>>();
  expectTypeOf<Outputs['admin']['listUsers']>().toEqualTypeOf<{
    users: User<Role>[];
    nextCursor: string | null;
  }>();
  expectTypeOf<Outputs['posts']['whoAmI']['claims']>().toEqualTypeOf<ReturnType<typeof claimsOf>>();
});

test('a client of the host has them as well, through its transformer', () => {
  const client = createTRPCClient<HostRouter>({
    links: [httpBatchLink({ url: '/trpc', transformer: superjson })],
  });
  expectTypeOf(client.posts.mine.query()).resolves.toEqualTypeOf<Post[]>();
  expectTypeOf(client.user.me.query()).resolves.toEqualTypeOf<User<Role>>();
  expectTypeOf(client.account.user.me.query()).resolves.toEqualTypeOf<User<Role>>();
  void client.admin.setRole.mutate({ userId: '', role: 'editor' });
  // @ts-expect-error -- a typo
  void client.admin.setRole.mutate({ userId: '', role: 'editr' });
  // @ts-expect-error -- a typo
  void client.account.admin.listUsers.query({ role: 'editr' });
  // @ts-expect-error -- superjson is wanted at both ends
  httpBatchLink<HostRouter>({ url: '/trpc' });
});

test('the reason of an error is typed at the client, beside what the host adds', () => {
  const error = new TRPCClientError<HostRouter>('');
  expectTypeOf(error.data).not.toBeAny();
  expectTypeOf(error.data?.reason).not.toBeAny();
  expectTypeOf(error.data?.reason).toEqualTypeOf<Reason | null | undefined>();
  expectTypeOf(error.data?.service).toEqualTypeOf<'posts' | undefined>();
  expectTypeOf(error.data?.retryAfter).toEqualTypeOf<number | undefined>();
  void (error.data?.reason === 'forbidden');
  // @ts-expect-error -- no such reason
  void (error.data?.reason === 'typo');
});

test("every procedure's errors have the shape that the host's formatter gives them", () => {
  type Shape = inferRouterError<HostRouter>;
  type Record = HostRouter['_def']['record'];
  type Nested = inferProcedureErrorShape<HostRouter, Record['account']['auth']['login']>;
  type Spread = inferProcedureErrorShape<HostRouter, Record['user']['me']>;
  type Concatenated = inferProcedureErrorShape<HostRouter, Record['posts']['write']>;
  expectTypeOf<Shape['data']['reason']>().toEqualTypeOf<Reason | null>();
  expectTypeOf<Nested>().toEqualTypeOf<Shape>();
  expectTypeOf<Spread>().toEqualTypeOf<Shape>();
  expectTypeOf<Concatenated>().toEqualTypeOf<Shape>();
});

test('our formatter as it is types the reason, and a formatter that drops it does not promise it', () => {
  const ours = initTRPC.context<LatchkeyContext>().create({
    errorFormatter: latchkey.errorFormatter,
  });
  const ourRouter = ours.router({
    ...latchkey.routers,
    hello: ours.procedure.concat(latchkey.protectedProcedure).query(() => 'hello'),
  });
  type Ours = typeof ourRouter;
  type Login = Ours['_def']['record']['auth']['login'];
  type Hello = Ours['_def']['record']['hello'];
  expectTypeOf<inferRouterError<Ours>['data']['reason']>().toEqualTypeOf<Reason | null>();
  expectTypeOf<inferProcedureErrorShape<Ours, Login>>().toEqualTypeOf<inferRouterError<Ours>>();
  expectTypeOf<inferProcedureErrorShape<Ours, Hello>>().toEqualTypeOf<inferRouterError<Ours>>();

  const theirs = initTRPC.context<LatchkeyContext>().create({
    errorFormatter: ({ shape }) => ({ ...shape, data: { code: shape.data.code, httpStatus: 0 } }),
  });
  const theirRouter = theirs.router({
    ...latchkey.routers,
    hello: theirs.procedure.concat(latchkey.protectedProcedure).query(() => 'hello'),
  });
  type Theirs = typeof theirRouter;
  type TheirLogin = inferProcedureErrorShape<Theirs, Theirs['_def']['record']['auth']['login']>;
  type TheirHello = inferProcedureErrorShape<Theirs, Theirs['_def']['record']['hello']>;
  expectTypeOf<TheirLogin['data']>().not.toHaveProperty('reason');
  expectTypeOf<TheirHello['data']>().not.toHaveProperty('reason');
});

test('what a host exports keeps its type', () => {
  type Who = inferRouterOutputs<typeof appRouter>['who'];
  expectTypeOf<Who>().not.toBeAny();
  expectTypeOf<Who['plan']>().toEqualTypeOf<string>();
  expectTypeOf<Who['role']>().toEqualTypeOf<'user' | 'admin' | 'editor'>();
  expectTypeOf<typeof client.trpc.user.me.query>().returns.resolves.toEqualTypeOf<
    User<'user' | 'admin' | 'editor'>
  >();
  expectTypeOf<Awaited<typeof kit>['latchkey']['requirePermission']>()
    .parameter(0)
    .toEqualTypeOf<'post:write'>();
});
