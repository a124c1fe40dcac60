import { initTRPC, type AnyRouter } from '@trpc/server';
import superjson from 'superjson';
import { expectTypeOf, test } from 'vitest';
import type { AppRouter } from '../server/routers/app.ts';
import type { AuthResult, LoginInput, RegisterInput, User } from '../shared/schemas.ts';
import {
  createClient,
  reasonOf,
  type ClientOptions,
  type Reason,
  type SessionSnapshot,
  type SignInInput,
  type SignUpInput,
  type UserOf,
} from './index.ts';
import { memoryStorage } from './session-storage.ts';

const t = initTRPC.create();
const url = 'http://localhost/trpc';

type Role = 'user' | 'admin' | 'editor';
declare const answer: AuthResult<Role>;

function authOf() {
  const signIn = t.procedure
    .input((input: unknown) => input as { email: string; password: string })
    .mutation(() => answer);
  return { login: signIn, refresh: t.procedure.mutation(() => answer) };
}
const ownAuth = authOf();
const ownRouter = t.router({ auth: ownAuth, hello: t.procedure.query(() => 'hello') });
type OwnRouter = typeof ownRouter;

test('infers users, roles and inputs from the server as it is', () => {
  expectTypeOf<UserOf<AppRouter>>().toEqualTypeOf<User>();
  expectTypeOf<SignInInput<AppRouter>>().toEqualTypeOf<LoginInput>();
  expectTypeOf<SignUpInput<AppRouter>>().toEqualTypeOf<RegisterInput>();
  const client = createClient<AppRouter>({ url });
  expectTypeOf(client.signIn).returns.resolves.toEqualTypeOf<User>();
  expectTypeOf(client.refresh).returns.resolves.toEqualTypeOf<User | null>();
  expectTypeOf(client.trpc.user.me.query).returns.resolves.toEqualTypeOf<User>();
  expectTypeOf(client.state.getSnapshot).returns.toEqualTypeOf<SessionSnapshot<User>>();
  // @ts-expect-error an e-mail address or a username
  void client.signIn({ password: 'x' });
  // @ts-expect-error there is no such procedure
  void client.trpc.user.nothing;
});

test('carries the roles that an application declares', () => {
  const client = createClient<OwnRouter>({ url });
  expectTypeOf<UserOf<OwnRouter>['role']>().toEqualTypeOf<Role>();
  const snapshot = client.state.getSnapshot();
  expectTypeOf(snapshot).not.toBeAny();
  if (snapshot.status === 'signed-in') {
    expectTypeOf(snapshot.user.role).toEqualTypeOf<Role>();
    // @ts-expect-error there is no such role
    void (snapshot.user.role === 'owner');
  } else {
    expectTypeOf(snapshot.user).toBeNull();
  }
});

test('narrows a snapshot by its status', () => {
  type Snapshot = SessionSnapshot<UserOf<OwnRouter>>;
  type With<TStatus> = Extract<Snapshot, { status: TStatus }>;
  expectTypeOf<With<'signed-out'>['reason']>().toEqualTypeOf<Reason | null>();
  expectTypeOf<With<'signed-in'>['user']>().toEqualTypeOf<User<Role>>();
  expectTypeOf<With<'loading'>['user']>().toBeNull();
});

test('has no way to register where the router has none', () => {
  expectTypeOf<SignUpInput<OwnRouter>>().toBeNever();
});

test('refuses a router that cannot sign in or refresh, and says why', () => {
  const bare = t.router({ hello: t.procedure.query(() => 'hello') });
  const noRefresh = t.router({ auth: { login: ownAuth.login } });
  const otherShape = t.router({
    auth: { login: t.procedure.mutation(() => 'token'), refresh: ownAuth.refresh },
  });
  type Sentence =
    'This router lacks auth.login or auth.refresh: spread `latchkey.routers` at its root';
  expectTypeOf<ClientOptions<typeof bare>>().toEqualTypeOf<Sentence>();
  // @ts-expect-error no auth
  createClient<typeof bare>({ url });
  // @ts-expect-error no auth.refresh
  createClient<typeof noRefresh>({ url });
  // @ts-expect-error auth.login of another kind
  createClient<typeof otherShape>({ url });
});

test('wants the router named', () => {
  // @ts-expect-error no router
  createClient({ url });
  expectTypeOf<
    ClientOptions<AnyRouter>
  >().toEqualTypeOf<'Name the type of your router: createClient<AppRouter>({ … })'>();
});

test('takes a storage or cookie mode, not both', () => {
  const create = expectTypeOf(createClient<OwnRouter>);
  create.toBeCallableWith({ url, storage: memoryStorage() });
  create.toBeCallableWith({ url, mode: 'bearer', storage: memoryStorage() });
  create.toBeCallableWith({ url, mode: 'cookie', initialUser: null });
  create.toBeCallableWith({ url, mode: 'cookie', initialUser: answer.user });
  // @ts-expect-error nothing is stored in cookie mode
  createClient<OwnRouter>({ url, mode: 'cookie', storage: memoryStorage() });
  // @ts-expect-error only a page that was rendered with a cookie knows
  createClient<OwnRouter>({ url, initialUser: null });
  // @ts-expect-error there is no such mode
  createClient<OwnRouter>({ url, mode: 'token' });
  // @ts-expect-error no address
  createClient<OwnRouter>({});
});

test('takes the transformer of a router that has one, and of no other', () => {
  const json = initTRPC.create({ transformer: superjson });
  const auth = json.router({
    login: json.procedure.mutation(() => answer),
    refresh: json.procedure.mutation(() => answer),
  });
  const router = json.router({ auth });
  expectTypeOf(createClient<typeof router>).toBeCallableWith({ url, transformer: superjson });
  // @ts-expect-error the server has a transformer
  createClient<typeof router>({ url });
  // @ts-expect-error the server has none
  createClient<OwnRouter>({ url, transformer: superjson });
});

test('knows every reason and no other', () => {
  const reason = reasonOf(new Error('x'));
  expectTypeOf(reason).toEqualTypeOf<Reason | null>();
  // @ts-expect-error there is no such reason
  void (reason === 'token_lost');
});
