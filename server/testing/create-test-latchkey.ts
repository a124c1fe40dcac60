import {
  createTRPCClient,
  httpBatchLink,
  httpLink,
  splitLink,
  type TRPCClient,
} from '@trpc/client';
import type { AnyTRPCRouter } from '@trpc/server';
import type { AuthResult, BuiltInRole } from '../../shared/schemas.ts';
import {
  compose,
  type Composition,
  type LatchkeyOptions,
  type RolePermissions,
} from '../compose.ts';
import type { EndpointOptions } from '../http/handler.ts';
import { startServer } from '../http/server.ts';
import { assemble, type Latchkey } from '../latchkey.ts';
import { silentLogger } from '../logger.ts';
import { createRuntime } from '../runtime.ts';
import { createSession, issueTokens } from '../sessions/start-session.ts';
import type { CustomClaims } from '../tokens/custom-claims.ts';
import type { ContextSource } from '../trpc/context.ts';
import { isCredentialPath } from '../trpc/credentials.ts';
import { toUser } from '../trpc/procedures.ts';
import { createTestClock, type TestClock } from './clock.ts';
import { createForger, type TokenForger } from './forger.ts';

/** The password of every user that the kit makes. */
export const testPassword = 'a test password of the kit';

/** Whom a caller or client is. */
export interface TestUser<Role extends string> {
  /** `user` by default. */
  readonly role?: Role;
  readonly email?: string;
}

/**
 * A router of the application under test, with the context that it wants.
 * It has to be built on the `latchkey` of the kit: tokens of another one mean nothing to it.
 */
export type TestEndpoint<TRouter extends AnyTRPCRouter> = Pick<
  EndpointOptions<TRouter>,
  'router' | 'createContext'
>;

/** One whose router and context have been checked against each other. */
interface UntypedEndpoint {
  readonly router: AnyTRPCRouter;
  readonly createContext: (source: ContextSource) => unknown;
}

type AppRouterOf<
  Role extends string,
  Permission extends string,
  Claims extends CustomClaims,
> = Latchkey<Role, Permission, Claims>['appRouter'];

type CallerOf<TRouter extends AnyTRPCRouter> = ReturnType<TRouter['createCaller']>;

/** A whole Latchkey in memory: real parts, cheap hashes, a clock to turn. */
export interface TestLatchkey<
  Role extends string,
  Permission extends string,
  Claims extends CustomClaims,
> {
  readonly latchkey: Latchkey<Role, Permission, Claims>;
  readonly clock: TestClock;
  readonly forge: TokenForger;
  /** @internal The parts, for Latchkey's own tests. */
  readonly composition: Composition<Role>;
  /** Makes a user, if there is none of that address, and signs in. */
  signInAs(user?: TestUser<Role>): Promise<AuthResult<Role> & { refreshToken: string }>;
  /** Calls procedures directly, signed in as a user of that role; `null` for somebody who is not. */
  callerAs(user: TestUser<Role> | null): Promise<CallerOf<AppRouterOf<Role, Permission, Claims>>>;
  callerAs<TRouter extends AnyTRPCRouter>(
    user: TestUser<Role> | null,
    endpoint: TestEndpoint<TRouter>,
  ): Promise<CallerOf<TRouter>>;
  /** A typed client that goes the whole way a request goes, without a socket. */
  clientAs(user: TestUser<Role> | null): Promise<TRPCClient<AppRouterOf<Role, Permission, Claims>>>;
  clientAs<TRouter extends AnyTRPCRouter>(
    user: TestUser<Role> | null,
    endpoint: TestEndpoint<TRouter>,
  ): Promise<TRPCClient<TRouter>>;
  /** Serves on a free port of 127.0.0.1 until the kit is disposed. */
  serve<TRouter extends AnyTRPCRouter>(
    endpoint?: TestEndpoint<TRouter>,
  ): Promise<{ readonly url: string }>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Sets Latchkey up for a test: a database in memory, bcrypt at its lowest cost,
 * no rate limits unless `rateLimits: true`, and a clock that the test turns.
 *
 * @example
 * ```ts
 * await using t = await createTestLatchkey();
 * const admin = await t.callerAs({ role: 'admin' });
 * ```
 */
export async function createTestLatchkey<
  const Roles extends RolePermissions = Record<never, never>,
  Claims extends CustomClaims = Record<never, never>,
>(
  options: LatchkeyOptions<Roles, Claims> = {},
): Promise<TestLatchkey<BuiltInRole | (keyof Roles & string), Roles[keyof Roles][number], Claims>> {
  type Role = BuiltInRole | (keyof Roles & string);
  const clock = createTestClock();
  const composition = await compose<Roles, Claims>({
    database: ':memory:',
    bcryptCost: 4,
    rateLimits: false,
    production: false,
    logger: silentLogger,
    runtime: createRuntime(clock.now),
    ...options,
  });
  const latchkey = assemble<Role, Roles[keyof Roles][number], Claims>(
    composition,
    options.roles ?? {},
  );
  const { accounts, settings } = composition;
  const disposals: (() => Promise<void>)[] = [];
  let made = 0;

  async function signInAs({ role, email }: TestUser<Role> = {}): Promise<
    AuthResult<Role> & { refreshToken: string }
  > {
    made += 1;
    const address = email ?? `user-${made}@test.example`;
    const existing = await accounts.store.findCredential({ email: address });
    if (!existing) {
      await latchkey.createUser({
        email: address,
        ...(role === undefined ? {} : { role }),
        secret: { password: testPassword },
      });
    }
    const credential = existing ?? (await accounts.store.findCredential({ email: address }));
    if (!credential?.passwordHash) throw new Error('A test user was not made.');
    if (role !== undefined && credential.user.role !== role) {
      throw new Error(`${address} exists already, and its role is ${credential.user.role}.`);
    }
    const session = createSession(accounts, credential.user.id, { ip: null, userAgent: null });
    const user = await accounts.store.startSession({
      session,
      passwordHash: credential.passwordHash,
      maxSessions: settings.maxSessionsPerUser,
      event: {
        id: composition.runtime.newId(),
        at: clock.now(),
        type: 'sign_in.succeeded',
        actorId: credential.user.id,
        userId: credential.user.id,
        sessionId: session.id,
        ip: null,
        userAgent: null,
        detail: {},
      },
    });
    if (!user) throw new Error('A disabled user cannot be signed in.');
    const { accessToken, expiresIn, refreshToken } = await issueTokens(accounts, session, user);
    return { accessToken, expiresIn, refreshToken, tokenType: 'Bearer', user: toUser<Role>(user) };
  }

  async function headersOf(user: TestUser<Role> | null): Promise<Record<string, string>> {
    if (user === null) return {};
    return { authorization: `Bearer ${(await signInAs(user)).accessToken}` };
  }

  const own: TestEndpoint<AnyTRPCRouter> = {
    router: latchkey.appRouter,
    createContext: latchkey.createContext,
  };

  async function callerAs(
    user: TestUser<Role> | null,
    { router, createContext }: UntypedEndpoint = own,
  ): Promise<CallerOf<AnyTRPCRouter>> {
    const headers = await headersOf(user);
    // A context for each call, as a request has it.
    return router.createCaller(() =>
      createContext({ req: { headers }, resHeaders: new Headers() }),
    );
  }

  async function clientAs(
    user: TestUser<Role> | null,
    endpoint: TestEndpoint<AnyTRPCRouter> = own,
  ): Promise<TRPCClient<AnyTRPCRouter>> {
    const handle = latchkey.fetchHandler(endpoint);
    const { transformer, pathSeparator } = endpoint.router._def._config;
    const link = {
      url: `${settings.url}/trpc`,
      transformer,
      pathSeparator,
      headers: await headersOf(user),
      fetch: (url: string | URL | Request, init?: object) => handle(new Request(url, init)),
    };
    return createTRPCClient<AnyTRPCRouter>({
      links: [
        splitLink({
          condition: ({ path }) => isCredentialPath(path),
          true: httpLink(link),
          false: httpBatchLink({ ...link, maxItems: 10 }),
        }),
      ],
    });
  }

  async function close(): Promise<void> {
    for (const dispose of disposals.toReversed()) await dispose();
    await latchkey.close();
  }

  return {
    latchkey,
    clock,
    forge: createForger(composition.keyRing),
    composition,
    signInAs,
    // The overloads say which router a caller or client is typed by: the one that was passed.
    callerAs: callerAs as TestLatchkey<Role, Roles[keyof Roles][number], Claims>['callerAs'],
    clientAs: clientAs as TestLatchkey<Role, Roles[keyof Roles][number], Claims>['clientAs'],
    async serve(endpoint) {
      const handler = endpoint ? latchkey.nodeHandler(endpoint) : latchkey.nodeHandler();
      const server = await startServer(handler, { host: '127.0.0.1', port: 0 });
      disposals.push(() => server.stop());
      return { url: server.address };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
