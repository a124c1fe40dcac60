import { QueryClient, useMutation, useQuery, useSuspenseQuery } from '@tanstack/react-query';
import { initTRPC } from '@trpc/server';
import { expectTypeOf, test } from 'vitest';
import type { AppRouter } from '../../server/routers/app.ts';
import type { AuthResult, LoginInput, User } from '../../shared/schemas.ts';
import { createClient } from '../create-client.ts';
import { reasonOf } from '../reason-of.ts';
import { refusalOf, type Refusal } from '../refusal-of.ts';
import type { SessionSnapshot } from '../session.ts';
import { createLatchkeyReact, retryUnlessRefused, type RoleOf } from './index.ts';

type Role = 'user' | 'admin' | 'editor';
declare const answer: AuthResult<Role>;
const t = initTRPC.create();
const signIn = t.procedure
  .input((input: unknown) => input as { email: string; password: string })
  .mutation(() => answer);
const ownRouter = t.router({
  auth: { login: signIn, refresh: t.procedure.mutation(() => answer) },
  posts: t.procedure.query(() => ['hello']),
});
type OwnRouter = typeof ownRouter;

const own = createLatchkeyReact<OwnRouter>();
const built = createLatchkeyReact<AppRouter>();
const queryClient = new QueryClient();
const client = createClient<OwnRouter>({ url: '/trpc' });

test('knows the user of the router', () => {
  expectTypeOf(own.useUser).returns.toEqualTypeOf<User<Role> | null>();
  expectTypeOf(built.useUser).returns.toEqualTypeOf<User | null>();
  expectTypeOf(own.useSession).returns.toEqualTypeOf<SessionSnapshot<User<Role>>>();
  expectTypeOf(own.useUser).returns.not.toBeAny();
  void (
    <own.SignedIn fallback="Sign in">
      {(user) => {
        expectTypeOf(user).toEqualTypeOf<User<Role>>();
        return user.email;
      }}
    </own.SignedIn>
  );
});

test('knows the roles that the application declares, and no other', () => {
  expectTypeOf<RoleOf<OwnRouter>>().toEqualTypeOf<Role>();
  expectTypeOf<RoleOf<AppRouter>>().toEqualTypeOf<'user' | 'admin'>();
  void (<own.RequireRole role="editor">Write</own.RequireRole>);
  void (<own.RequireRole role={['editor', 'user']}>Write</own.RequireRole>);
  // @ts-expect-error there is no such role
  void (<own.RequireRole role="owner">Write</own.RequireRole>);
  // @ts-expect-error nor is there among these
  void (<own.RequireRole role={['editor', 'owner']}>Write</own.RequireRole>);
  // @ts-expect-error Latchkey alone has no editors
  void (<built.RequireRole role="editor">Write</built.RequireRole>);
  // @ts-expect-error which role?
  void (<own.RequireRole>Write</own.RequireRole>);
});

test('takes the client of its own router alone', () => {
  expectTypeOf(own.LatchkeyProvider).parameter(0).not.toBeAny();
  void (<own.LatchkeyProvider client={client} queryClient={queryClient} />);
  // @ts-expect-error a client of another router
  void (<built.LatchkeyProvider client={client} queryClient={queryClient} />);
  // @ts-expect-error no query client
  void (<own.LatchkeyProvider client={client} />);
});

test('has no use for a router that was not named or has no users', () => {
  const unnamed = createLatchkeyReact();
  // @ts-expect-error which router?
  void (<unnamed.LatchkeyProvider client={client} queryClient={queryClient} />);
  const bare = t.router({ posts: t.procedure.query(() => ['hello']) });
  expectTypeOf(createLatchkeyReact<typeof bare>().useUser).returns.toBeNull();
});

test('leaves queries to TanStack and tRPC', () => {
  const trpc = own.useTRPC();
  const { data } = useQuery(trpc.posts.queryOptions());
  expectTypeOf(data).toEqualTypeOf<string[] | undefined>();
  expectTypeOf(useSuspenseQuery(trpc.posts.queryOptions()).data).toEqualTypeOf<string[]>();
  expectTypeOf(own.useTRPCClient().posts.query).returns.resolves.toEqualTypeOf<string[]>();
  // @ts-expect-error there is no such procedure
  void trpc.nothing;
  void new QueryClient({ defaultOptions: { queries: { retry: retryUnlessRefused } } });
});

test('signs in by a mutation, and says why not', () => {
  const latchkey = built.useLatchkey();
  const signingIn = useMutation({ mutationFn: latchkey.signIn });
  const signingOut = useMutation({ mutationFn: latchkey.signOut });
  expectTypeOf(signingIn.mutate).parameter(0).toEqualTypeOf<LoginInput>();
  expectTypeOf(signingIn.data).toEqualTypeOf<User | undefined>();
  signingOut.mutate();
  expectTypeOf(refusalOf(signingIn.error)).toEqualTypeOf<Refusal | null>();
  // @ts-expect-error there is no such reason
  void (reasonOf(signingIn.error) === 'wrong_password');
  // @ts-expect-error an e-mail address or a username
  signingIn.mutate({ password: 'x' });
});
