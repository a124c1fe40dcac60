import type { AnyTRPCRouter } from '@trpc/server';
import { LatchkeyError } from '../shared/latchkey-error.ts';
import type { UserRecord } from '../shared/records.ts';
import {
  builtInRoles,
  createRoleSchemas,
  passwordSchema,
  readInput,
  type BuiltInRole,
  type NewAccountInput,
  type RoleSchemas,
  type User,
} from '../shared/schemas.ts';
import { strangerFrom, type AccountParts } from './accounts/account-parts.ts';
import { createAccount } from './accounts/create-account.ts';
import { createAuditChain, type AuditChain } from './audit/audit-chain.ts';
import { ConfigurationError } from './config/configuration-error.ts';
import { deriveKey, loadSecret } from './config/secret.ts';
import {
  databasePathOf,
  resolveSettings,
  type Settings,
  type SettingsInput,
} from './config/settings.ts';
import { createClientIp } from './http/client-ip.ts';
import { createFetchHandler, type FetchHandler } from './http/fetch-handler.ts';
import {
  createHandler,
  type EndpointOptions,
  type EndpointPath,
  type Handler,
} from './http/handler.ts';
import { createNodeHandler, type NodeHandler } from './http/node-handler.ts';
import { createRoutes } from './http/routes.ts';
import { createMemoryLimits, createNoLimits } from './limits/limits.ts';
import { createLogger, describeError, type Logger } from './logger.ts';
import { createPasswordHasher } from './passwords/password-hasher.ts';
import { createPasswordPolicy } from './passwords/password-policy.ts';
import { createAppRouter, createRouters } from './routers/app.ts';
import { createRuntime, type Runtime } from './runtime.ts';
import { explainDatabaseError, openDatabase } from './store/sqlite/open-database.ts';
import { createSqliteStore } from './store/sqlite/sqlite-store.ts';
import { createAccessTokens } from './tokens/access-token.ts';
import { readCustomClaims, type CustomClaims } from './tokens/custom-claims.ts';
import { createKeyRing, type KeyRing } from './tokens/key-ring.ts';
import { createRefreshTokens } from './tokens/refresh-token.ts';
import { createSealer } from './tokens/seal.ts';
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

/** Roles beyond `user` and `admin`, each with its permissions. */
export type RolePermissions = Readonly<Record<string, readonly string[]>>;

/** How Latchkey is set up as a library. Every option has a default but in production the secret. */
export interface LatchkeyOptions<
  Roles extends RolePermissions = Record<never, never>,
  Claims extends CustomClaims = Record<never, never>,
> extends Omit<SettingsInput, 'redis'> {
  /**
   * At least 32 random bytes as base64url or hex; `LATCHKEY_SECRET` of the environment by
   * default. Outside production one is made and kept beside the database if there is none.
   */
  readonly secret?: string | undefined;
  /** Your roles with their permissions; an admin may do everything. `user` may be given permissions too. */
  readonly roles?: Roles;
  /**
   * Your claims for a user's access tokens, computed whenever one is issued: JSON values, 4 KiB at
   * most. A call reads them from its token, so they are as old as it is, and not secret.
   */
  readonly claims?: (user: User<BuiltInRole | (keyof Roles & string)>) => Claims | Promise<Claims>;
  /** One JSON line for each warning and error on stdout by default. */
  readonly logger?: Logger;
  /** @internal Turns time and randomness in tests. */
  readonly runtime?: Runtime;
}

/** Everything in its place, for what stands outermost: the library, the server, the command line. */
export interface Composition<Role extends string = BuiltInRole> {
  readonly settings: Settings;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly accounts: AccountParts;
  readonly keyRing: KeyRing;
  readonly auditChain: AuditChain;
  readonly roles: readonly Role[];
  readonly schemas: RoleSchemas<Role>;
  /** What did not exist before. */
  readonly created: {
    readonly database: boolean;
    readonly migrations: number;
    readonly secretPath: string | null;
  };
  close(): Promise<void>;
}

/** Sessions stay this long after their end, to say that they have ended. */
const endedSessionsKeptMs = 24 * 3_600_000;
const pruneEveryMs = 60_000;
const prunedAtOnce = 500;

/**
 * Opens the database and puts the parts together.
 *
 * @throws ConfigurationError with a line for each thing to mend
 */
export async function compose<
  const Roles extends RolePermissions = Record<never, never>,
  Claims extends CustomClaims = Record<never, never>,
>(
  options: LatchkeyOptions<Roles, Claims>,
): Promise<Composition<BuiltInRole | (keyof Roles & string)>> {
  type Role = BuiltInRole | (keyof Roles & string);
  const { secret: configured, roles: rolePermissions, claims, ...rest } = options;
  const { logger = createLogger('warn'), runtime = createRuntime(), ...input } = rest;
  const production = input.production ?? process.env['NODE_ENV'] === 'production';
  const settings = resolveSettings({ ...input, production }, 'option');
  const roles = rolesOf(rolePermissions);

  const databasePath = databasePathOf(settings);
  const { secret, createdPath } = loadSecret({
    // An empty variable is one that is not set, as everywhere.
    configured: configured ?? (process.env['LATCHKEY_SECRET'] || undefined),
    databasePath,
    production,
    runtime,
  });
  const opened = await openDatabase(databasePath, runtime);
  const auditChain = createAuditChain(deriveKey(secret, 'audit'));
  const store = createSqliteStore(opened.database, runtime, auditChain);
  try {
    const sealer = createSealer(deriveKey(secret, 'seal'), runtime);
    const keyRing = createKeyRing({
      algorithm: settings.signingAlgorithm,
      tokenLifetimeMs: settings.accessTtlSeconds * 1_000,
      store,
      sealer,
      runtime,
    });
    // The first start makes the keys; a wrong secret shows here and not at the first sign-in.
    await keyRing.activeKey();
    const accounts: AccountParts = {
      store,
      runtime,
      accessTokens: createAccessTokens({
        keyRing,
        issuer: settings.url,
        audience: settings.audience,
        ttlSeconds: settings.accessTtlSeconds,
        runtime,
      }),
      refreshTokens: createRefreshTokens(sealer, runtime),
      sessionSettings: {
        ttlMs: settings.sessionTtlSeconds * 1_000,
        idleTtlMs: settings.sessionIdleTtlSeconds * 1_000,
        refreshGraceMs: settings.refreshGraceSeconds * 1_000,
        maxPerUser: settings.maxSessionsPerUser,
      },
      claimsOf: async (user: UserRecord) =>
        claims ? readCustomClaims(await claims(toUser<Role>(user))) : {},
      hasher: createPasswordHasher({
        cost: settings.bcryptCost,
        pepper: deriveKey(secret, 'pepper'),
      }),
      policy: createPasswordPolicy(settings.minPasswordLength),
      limits: settings.rateLimits ? createMemoryLimits(settings.limits, runtime) : createNoLimits(),
    };
    const stopPruning = runtime.every(pruneEveryMs, () => {
      prune(accounts, settings).catch((error: unknown) => {
        logger.warn(describeError(error), 'pruning failed');
      });
    });
    return {
      settings,
      runtime,
      logger,
      accounts,
      keyRing,
      auditChain,
      roles,
      schemas: createRoleSchemas(roles),
      created: {
        database: opened.created,
        migrations: opened.migrationsApplied,
        secretPath: createdPath,
      },
      async close() {
        stopPruning();
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    // To a caller it is a matter of trying again; here it is one for whoever starts the server.
    throw error instanceof LatchkeyError ? explainDatabaseError(error.cause) : error;
  }
}

async function prune({ store, runtime }: AccountParts, settings: Settings): Promise<void> {
  const now = runtime.now();
  await store.pruneSessions({ before: now - endedSessionsKeptMs, limit: prunedAtOnce });
  const auditKeptMs = settings.auditRetentionDays * 24 * 3_600_000;
  await store.pruneAuditEvents({ before: now - auditKeptMs, limit: prunedAtOnce });
  await store.pruneSigningKeys(now - settings.accessTtlSeconds * 1_000 - endedSessionsKeptMs);
}

function rolesOf<Roles extends RolePermissions>(
  permissions: Roles | undefined,
): readonly (BuiltInRole | (keyof Roles & string))[] {
  const declared = Object.keys(permissions ?? {});
  if (!declared.every((role) => /^[a-z][a-z0-9_-]{0,31}$/.test(role))) {
    throw new ConfigurationError([
      'roles: a name is not valid. Wanted: 1 to 32 of a-z 0-9 _ -, beginning with a letter.',
    ]);
  }
  return [...new Set([...builtInRoles, ...declared])];
}

/** Makes a handler of a router. */
export interface CreateHandler<RequestHandler> {
  /** Of Latchkey's own router. */
  (endpoint?: EndpointPath & { readonly router?: undefined }): RequestHandler;
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
  /** Gives every error of your router its reason, and takes stacks and inner messages out. */
  readonly errorFormatter: LatchkeyErrorFormatter;
  /** Serves a router on node:http or in Express, behind Latchkey's edge, with discovery and health. */
  readonly nodeHandler: CreateHandler<NodeHandler>;
  /**
   * The same for web requests: Hono, Next.js, Bun, Deno. In Next.js name `latchkey` in
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
    // The names are those that `Role` and `Permission` were made from.
    permissionsOf: rolePermissions as Readonly<Record<Role, readonly Permission[]>>,
  });
  const routerParts = { accounts, keyRing, cookie, schemas, procedures };
  const appRouter = createAppRouter(routerParts);
  const createContext = (source: ContextSource): LatchkeyContext => ({
    latchkey: createCallContext(contextParts, source),
  });
  const routes = createRoutes({ url: settings.url, keyRing, store: accounts.store, isDraining });

  function handlerFor(endpoint: Partial<EndpointOptions<AnyTRPCRouter>>): Handler {
    return createHandler({
      router: appRouter,
      createContext,
      ...endpoint,
      url: settings.url,
      allowedOrigins,
      routes,
      findShortage: (path) => (isHashingPath(path) ? accounts.hasher.findShortage() : null),
      logger,
      runtime,
    });
  }

  return {
    ...procedures,
    routers: createRouters(routerParts),
    appRouter,
    createContext,
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
