import {
  createTRPCClient,
  createTRPCUntypedClient,
  getUntypedClient,
  type HTTPBatchLinkOptions,
  type HTTPHeaders,
  type TRPCClient,
  type TRPCLink,
} from '@trpc/client';
import type { AnyRouter, inferRouterInputs, inferRouterOutputs } from '@trpc/server';
import { parseAuthResult, type AuthResultOf, type SessionUser } from './auth-result.ts';
import { refreshLink } from './refresh-link.ts';
import { createClientRuntime, type ClientRuntime } from './runtime.ts';
import { memoryStorage, type SessionStorage } from './session-storage.ts';
import { createSession, type SessionState } from './session.ts';
import { createTransport, type ClientFetch, type TransportOptions } from './transport.ts';

/** What `createClient` needs of a router: Latchkey's `auth`, at its root. */
interface LatchkeyOutputs {
  auth: { login: AuthResultOf<SessionUser>; refresh: AuthResultOf<SessionUser> };
}

/** The user type of a router, with the roles that its application declares. */
export type UserOf<TRouter extends AnyRouter> =
  inferRouterOutputs<TRouter> extends { auth: { login: { user: infer TUser extends SessionUser } } }
    ? TUser
    : never;

/** What `auth.login` of a router takes. */
export type SignInInput<TRouter extends AnyRouter> =
  inferRouterInputs<TRouter> extends { auth: { login: infer TInput } } ? TInput : never;

/** What `auth.register` of a router takes; `never` where nobody can register. */
export type SignUpInput<TRouter extends AnyRouter> =
  inferRouterInputs<TRouter> extends { auth: { register: infer TInput } } ? TInput : never;

interface CommonOptions {
  /** Where the server's tRPC is, like `https://api.example.com/trpc`. */
  readonly url: string | URL;
  /**
   * What sends the requests; the global `fetch` by default. It must obey
   * `redirect: 'error'`, or passwords and tokens go wherever a redirect points.
   */
  readonly fetch?: ClientFetch;
  /** Sent with every request. `authorization` is the client's own and is left out. */
  readonly headers?: HTTPHeaders | (() => HTTPHeaders | Promise<HTTPHeaders>);
  /** @internal */
  readonly runtime?: ClientRuntime;
}

interface BearerOptions {
  /** `bearer`, the default: the client holds the refresh token. */
  readonly mode?: 'bearer';
  /** Where the refresh token and the user are kept; `memoryStorage()` by default. */
  readonly storage?: SessionStorage;
  readonly initialUser?: never;
}

interface CookieOptions<TUser> {
  /**
   * `cookie`: the refresh token is in an httpOnly cookie that no script can
   * read, and nothing is stored. Whether somebody is signed in is asked with
   * one refresh, when it is first needed.
   */
  readonly mode: 'cookie';
  /** Who is signed in, where a server rendered the page and knows; `null` is nobody. */
  readonly initialUser?: TUser | null | undefined;
  readonly storage?: never;
}

/** The transformer of the router, if it has one: tRPC's own typing of the option. */
type TransformerOption<TRouter extends AnyRouter> = Pick<
  HTTPBatchLinkOptions<TRouter['_def']['_config']['$types']>,
  'transformer'
>;

type OptionsFor<TRouter extends AnyRouter> = CommonOptions &
  TransformerOption<TRouter> &
  (BearerOptions | CookieOptions<UserOf<TRouter>>);

/** The options of `createClient`; for a router that will not do, a sentence that says why. */
export type ClientOptions<TRouter extends AnyRouter> = 0 extends TRouter['_def']['record'] & 1
  ? 'Name the type of your router: createClient<AppRouter>({ … })'
  : inferRouterOutputs<TRouter> extends LatchkeyOutputs
    ? OptionsFor<TRouter>
    : 'This router lacks auth.login or auth.refresh: spread `latchkey.routers` at its root';

/** A client of one server, and the session on it. */
export interface LatchkeyClient<TRouter extends AnyRouter> {
  /** Calls the procedures. Tokens are attached, renewed and taken note of on the way. */
  readonly trpc: TRPCClient<TRouter>;
  /** The links of `trpc`, for whoever makes a client of their own, like `@trpc/tanstack-react-query`. */
  readonly links: TRPCLink<TRouter>[];
  /** Who is signed in. */
  readonly state: SessionState<UserOf<TRouter>>;
  /**
   * Signs in, in place of whoever was.
   *
   * @throws TRPCClientError with the server's reason, like `invalid_credentials`
   */
  readonly signIn: (input: SignInInput<TRouter>) => Promise<UserOf<TRouter>>;
  /**
   * Registers, and signs in.
   *
   * @throws TRPCClientError with the server's reason, like `email_taken`
   */
  readonly signUp: (input: SignUpInput<TRouter>) => Promise<UserOf<TRouter>>;
  /**
   * Ends the session: here at once, whatever comes, then at the server.
   *
   * Calls that are under way reject with `session_revoked`.
   *
   * @throws TRPCClientError when the server could not be told. In cookie mode
   * the cookie is then still there, and the call is worth repeating.
   */
  readonly signOut: () => Promise<void>;
  /**
   * Fetches new tokens now, whether due or not; in cookie mode finds out who is signed in.
   *
   * @returns who is signed in, or `null`
   * @throws TRPCClientError when the session turns out to have ended, or cannot be refreshed now
   */
  readonly refresh: () => Promise<UserOf<TRouter> | null>;
  /** Stops listening to other tabs. The session is not ended. */
  readonly close: () => void;
  [Symbol.dispose](): void;
}

/**
 * Makes a client: tRPC's own, with a session.
 *
 * Tokens are renewed a little ahead of their end (a tenth of the lifetime, 30 s
 * at most), once for all calls and tabs. A refresh whose answer is lost is asked
 * for once more, which the server's grace makes safe; failing again, the calls
 * that waited reject with that error and the session stays. A call is repeated
 * after its token was refused as expired or stale, once, and never for another
 * reason. When the session ends while a call is under way, its answer is dropped
 * and it rejects with `session_revoked`.
 *
 * @throws TypeError when an option is wrong
 * @example
 * ```ts
 * import { createClient, webStorage } from 'latchkey/client';
 * import type { AppRouter } from './server.ts';
 *
 * const client = createClient<AppRouter>({ url: '/trpc', storage: webStorage(localStorage) });
 * await client.signIn({ email: 'ada@example.com', password });
 * const me = await client.trpc.user.me.query();
 * ```
 */
export function createClient<TRouter extends AnyRouter>(
  options: ClientOptions<TRouter>,
): LatchkeyClient<TRouter> {
  type User = UserOf<TRouter>;
  // Where it is a sentence instead, no call compiles.
  const given = options as CommonOptions &
    Partial<Pick<TransportOptions, 'transformer'>> &
    (BearerOptions | CookieOptions<User>);
  const url = String(given.url ?? '');
  if (url === '') throw new TypeError('createClient: `url` is missing.');
  const mode = given.mode ?? 'bearer';
  const transport = createTransport({
    url,
    mode,
    fetch: given.fetch,
    headers: given.headers,
    transformer: given.transformer,
  });
  const bare = createTRPCUntypedClient<AnyRouter>({ links: [transport(null)] });
  const session = createSession<User>({
    storage: mode === 'cookie' ? null : (given.storage ?? memoryStorage()),
    cookieScope: `latchkey:${url}`,
    initialUser: given.initialUser,
    runtime: given.runtime ?? createClientRuntime(),
    request: (path, input, signal) => bare.mutation(path, input, signal && { signal }),
  });
  // The link sends calls of any router alike; `TRouter` is what callers see of it.
  const links = [refreshLink({ session, mode, transport })] as unknown as TRPCLink<TRouter>[];
  const trpc = createTRPCClient<TRouter>({ links });

  async function begin(path: string, input: unknown): Promise<User> {
    const answer = await getUntypedClient(trpc).mutation(path, input);
    return parseAuthResult<User>(answer, mode).user;
  }
  return {
    trpc,
    links,
    state: session.state,
    signIn: (input) => begin('auth.login', input),
    signUp: (input) => begin('auth.register', input),
    signOut: session.signOut,
    refresh: session.refresh,
    close: session.close,
    [Symbol.dispose]: session.close,
  };
}
