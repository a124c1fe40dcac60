import type { AnyTRPCRouter } from '@trpc/server';
import {
  passwordSchema,
  readInput,
  type BuiltInRole,
  type NewAccountInput,
  type User,
} from '../shared/schemas.ts';
import { strangerFrom } from './accounts/account-parts.ts';
import { createAccount } from './accounts/create-account.ts';
import { createFigures } from './accounts/read-figures.ts';
import { createApiPage } from './api-page/create-api-page.ts';
import {
  compose,
  type Composition,
  type LatchkeyOptions,
  type RolePermissions,
} from './compose.ts';
import { createClientIp, createProxyCheck } from './http/client-ip.ts';
import { createConsoleRoutes } from './http/console.ts';
import { createFetchHandler, type FetchHandler } from './http/fetch-handler.ts';
import {
  createHandler,
  defaultBasePath,
  type EndpointOptions,
  type EndpointSettings,
  type Handler,
} from './http/handler.ts';
import { createMetricsRoute } from './http/metrics-route.ts';
import { createNodeHandler, type NodeHandler } from './http/node-handler.ts';
import { createOAuthRoutes } from './http/oauth/oauth-routes.ts';
import { createRequestIds } from './http/request-id.ts';
import { createRoutes } from './http/routes.ts';
import { createTurnstile } from './http/turnstile.ts';
import { watchRoute } from './http/watch-calls.ts';
import { createAppRouter, createRouters } from './routers/app.ts';
import type { CustomClaims } from './tokens/custom-claims.ts';
import { createServiceCheck } from './tokens/service-credential.ts';
import { authenticateRequest, type Caller } from './trpc/authenticate-request.ts';
import {
  createCallContext,
  type ContextParts,
  type ContextSource,
  type LatchkeyContext,
} from './trpc/context.ts';
import { isHashingPath } from './trpc/credentials.ts';
import { formatError, type LatchkeyErrorFormatter } from './trpc/error-formatter.ts';
import { createProcedures, toUser } from './trpc/procedures.ts';
import { createRefreshCookie } from './trpc/refresh-cookie.ts';
import { readVisitor, type Visitor } from './trpc/visitor.ts';

/** Makes a handler of a router. */
export interface CreateHandler<RequestHandler> {
  /** Of Latchkey's own router. */
  (endpoint?: EndpointSettings & { readonly router?: undefined }): RequestHandler;
  /**
   * Of yours.
   *
   * @throws ConfigurationError when `basePath` is not valid
   */
  <TRouter extends AnyTRPCRouter>(endpoint: EndpointOptions<TRouter>): RequestHandler;
}

/** What a host application gets. */
export interface Latchkey<
  Role extends string,
  Permission extends string,
  Claims extends CustomClaims,
> extends ReturnType<typeof createProcedures<Role, Permission, Claims>> {
  /** `auth`, `user`, `session` and `admin`, to nest into your own router. */
  readonly routers: ReturnType<typeof createRouters<Role, Permission, Claims>>;
  /** The same as a router of its own. */
  readonly appRouter: ReturnType<typeof createAppRouter<Role, Permission, Claims>>;
  /** Latchkey's part of the context: spread it into yours. Never throws, and reads nothing but headers. */
  createContext(source: ContextSource): LatchkeyContext;
  /**
   * Who asks for a page that your server renders: the user of the refresh cookie, which is not
   * spent by it, and a context to call queries with as that user. In cookie mode only, and where
   * Latchkey is mounted in the process that renders.
   *
   * @example
   * ```ts
   * const { user, context } = await latchkey.readVisitor(request.headers);
   * const posts = await appRouter.createCaller(context).posts.mine();
   * ```
   * @throws LatchkeyError `overloaded`, and whatever your `claims` throws
   */
  readVisitor(headers: ContextSource['req']['headers']): Promise<Visitor<Role>>;
  /**
   * Who makes a request outside tRPC, such as one to a REST route: by its `Authorization: Bearer`
   * header, checked as a procedure checks it, session and user included. A cookie says nothing here.
   *
   * @param req of node:http, Express or Fastify, or a web request
   * @example
   * ```ts
   * app.get('/api/report', async (req, res) => {
   *   const { user } = await latchkey.authenticate(req);
   *   res.json(await reportFor(user.id));
   * });
   * ```
   * @throws LatchkeyError `token_missing`, `token_invalid`, `token_expired`, `session_revoked`,
   *   `token_stale`, `overloaded`; its `httpStatus` is what to answer
   */
  authenticate(req: ContextSource['req']): Promise<Caller<Role, Claims>>;
  /** Gives every error of your router its reason, and takes stacks and inner messages out. */
  readonly errorFormatter: LatchkeyErrorFormatter;
  /** Serves a router on node:http or in Express, behind Latchkey's edge, with discovery and health. */
  readonly nodeHandler: CreateHandler<NodeHandler>;
  /**
   * The same for web requests: Hono, Next.js, Bun, Deno. In Next.js name `latchkey/server` in
   * `serverExternalPackages`: its database driver and migrations cannot be bundled.
   */
  readonly fetchHandler: CreateHandler<FetchHandler>;
  /**
   * Makes an account in the name of the application, with a password or with the bcrypt
   * hash that another system kept, which the first sign-in upgrades.
   *
   * @throws LatchkeyError `email_taken`, `username_taken`, `weak_password`, `invalid_input`, `overloaded`
   */
  createUser(
    account: NewAccountInput<Role> & {
      readonly secret: { readonly password: string } | { readonly bcryptHash: string };
    },
  ): Promise<User<Role>>;
  /** Closes the database. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Sets Latchkey up: opens the database, brings it up to date, makes keys on the first start.
 *
 * @example
 * ```ts
 * const latchkey = await createLatchkey({ database: 'file:app.db', roles: { editor: ['post:write'] } });
 * ```
 * @throws ConfigurationError with a line for each thing to mend
 */
export async function createLatchkey<
  const Roles extends RolePermissions = Record<never, never>,
  Claims extends CustomClaims = Record<never, never>,
>(
  options: LatchkeyOptions<Roles, Claims> = {},
): Promise<Latchkey<BuiltInRole | (keyof Roles & string), Roles[keyof Roles][number], Claims>> {
  const composition = await compose(options);
  return assemble<BuiltInRole | (keyof Roles & string), Roles[keyof Roles][number], Claims>(
    composition,
    options.roles ?? {},
  );
}

/** Builds the library's face on a composition. */
export function assemble<
  Role extends string,
  Permission extends string,
  Claims extends CustomClaims,
>(
  composition: Composition<Role>,
  rolePermissions: RolePermissions,
  isDraining: () => boolean = () => false,
): Latchkey<Role, Permission, Claims> {
  const { settings, runtime, logger, accounts, keyRing, schemas } = composition;
  const allowedOrigins = new Set(settings.allowedOrigins);
  const cookie = createRefreshCookie(settings.url);
  const contextParts: ContextParts = {
    runtime,
    cookie,
    allowedOrigins,
    clientIp: createClientIp(settings.trustedProxies),
  };
  const procedures = createProcedures<Role, Permission, Claims>({
    ...accounts,
    logger,
    refusals: composition.refusals,
    // The names are those that `Role` and `Permission` were made from.
    permissionsOf: rolePermissions as Readonly<Record<Role, readonly Permission[]>>,
  });
  const readFigures = createFigures(accounts);
  const routerParts = { accounts, keyRing, readFigures, cookie, schemas, procedures };
  const appRouter = createAppRouter(routerParts);
  const createContext = (source: ContextSource): LatchkeyContext => ({
    latchkey: createCallContext(contextParts, source),
  });
  const nextTurn = createTurnstile(runtime);
  const requestIdOf = createRequestIds(createProxyCheck(settings.trustedProxies), runtime.randomId);
  const { observers } = composition;
  const oauthRoutes = createOAuthRoutes({
    accounts,
    isService: createServiceCheck(settings.services),
    createContext,
    allowedOrigins,
    nextTurn,
    refusals: composition.refusals,
    logger,
  });
  const routes = [
    ...createRoutes({ url: settings.url, keyRing, store: accounts.store, isDraining }),
    ...oauthRoutes.map((route) => watchRoute(route, observers.calls)),
    ...(observers.metrics ? [createMetricsRoute(observers.metrics.read)] : []),
  ];

  function handlerFor({
    router: hostRouter,
    apiPage = !hostRouter || !settings.production,
    console,
    basePath = defaultBasePath,
    ...endpoint
  }: Partial<EndpointOptions<AnyTRPCRouter>>): Handler {
    const router = hostRouter ?? appRouter;
    const page = apiPage ? createApiPage({ router, basePath, routes }) : [];
    const consoleRoutes =
      console === undefined
        ? []
        : createConsoleRoutes(console, {
            endpoint: basePath,
            url: settings.url,
            roles: composition.roles,
            minPasswordLength: settings.minPasswordLength,
            production: settings.production,
            apiPage,
          });
    return createHandler({
      createContext,
      ...endpoint,
      router,
      basePath,
      url: settings.url,
      allowedOrigins,
      routes: [...routes, ...page, ...consoleRoutes],
      findShortage: (path) => (isHashingPath(path) ? accounts.hasher.findShortage() : null),
      nextTurn,
      requestIdOf,
      logger,
      runtime,
      observer: observers.calls,
    });
  }

  return {
    ...procedures,
    routers: createRouters(routerParts),
    appRouter,
    createContext,
    readVisitor: (headers) => readVisitor<Role>({ ...contextParts, accounts }, headers),
    authenticate: (req) =>
      authenticateRequest<Role, Claims>(
        { ...accounts, logger, refusals: composition.refusals },
        createCallContext(contextParts, { req }),
      ),
    errorFormatter: formatError,
    nodeHandler: (endpoint = {}) => createNodeHandler(handlerFor(endpoint), logger),
    fetchHandler: (endpoint = {}) => createFetchHandler(handlerFor(endpoint)),
    async createUser({ secret, ...input }) {
      const account = readInput(schemas.newAccount, input);
      const user = await createAccount(
        accounts,
        {
          ...account,
          role: account.role ?? 'user',
          secret:
            'password' in secret
              ? { password: readInput(passwordSchema, secret.password) }
              : secret,
        },
        strangerFrom({ ip: null, userAgent: null }),
      );
      return toUser<Role>(user);
    },
    close: () => composition.close(),
    [Symbol.asyncDispose]: () => composition.close(),
  };
}
