import { LatchkeyError } from '../shared/latchkey-error.ts';
import type { UserRecord } from '../shared/records.ts';
import {
  builtInRoles,
  createRoleSchemas,
  type BuiltInRole,
  type RoleSchemas,
  type User,
} from '../shared/schemas.ts';
import type { AccountParts } from './accounts/account-parts.ts';
import { createAuditChain, type AuditChain } from './audit/audit-chain.ts';
import { createRefusalLog, type RefusalLog } from './audit/refusal-log.ts';
import { ConfigurationError } from './config/configuration-error.ts';
import { deriveKey, loadSecret } from './config/secret.ts';
import {
  isPostgres,
  resolveSettings,
  secretPlaceOf,
  type Settings,
  type SettingsInput,
} from './config/settings.ts';
import { isServedByPrimary } from './limits/cluster-limits.ts';
import { createNoLimits } from './limits/limits.ts';
import { openLimits, type OpenedLimits, type SharingChange } from './limits/open-limits.ts';
import { createLogger, describeError, type Logger } from './logger.ts';
import { loadObservers, type Observers } from './observers.ts';
import { createPasswordHasher } from './passwords/password-hasher.ts';
import { createPasswordPolicy } from './passwords/password-policy.ts';
import { createRuntime, type Runtime } from './runtime.ts';
import { explainDatabaseError } from './store/explain-database-error.ts';
import { openStore } from './store/open-store.ts';
import { startPruning } from './store/prune.ts';
import { createAccessTokens } from './tokens/access-token.ts';
import { readCustomClaims, type CustomClaims } from './tokens/custom-claims.ts';
import { createKeyRing, type KeyRing } from './tokens/key-ring.ts';
import { createRefreshTokens } from './tokens/refresh-token.ts';
import { createSealer } from './tokens/seal.ts';
import { toUser } from './trpc/procedures.ts';

/** Roles beyond `user` and `admin`, each with its permissions. */
export type RolePermissions = Readonly<Record<string, readonly string[]>>;

/** How Latchkey is set up as a library. Every option has a default but in production the secret. */
export interface LatchkeyOptions<
  Roles extends RolePermissions = Record<never, never>,
  Claims extends CustomClaims = Record<never, never>,
> extends SettingsInput {
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
  /** @internal Password hashes under way at once, where processes share the processors. */
  readonly hashesAtOnce?: number | undefined;
}

/** Everything in its place, for what stands outermost: the library, the server, the command line. */
export interface Composition<Role extends string = BuiltInRole> {
  readonly settings: Settings;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly accounts: AccountParts;
  readonly keyRing: KeyRing;
  readonly auditChain: AuditChain;
  readonly refusals: RefusalLog;
  readonly observers: Observers;
  readonly roles: readonly Role[];
  readonly schemas: RoleSchemas<Role>;
  /** What did not exist before. */
  readonly created: {
    readonly database: boolean;
    readonly migrations: number;
    readonly secretPath: string | null;
  };
  /** Resolves when everything is known here that other processes committed before it was called. */
  catchUp(): Promise<void>;
  close(): Promise<void>;
}

/** Sessions stay this long after their end, to say that they have ended. */
const endedSessionsKeptMs = 24 * 3_600_000;

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
  const { secret: configured, roles: rolePermissions, claims, hashesAtOnce, ...rest } = options;
  const { logger: givenLogger = createLogger('warn'), runtime: given, ...input } = rest;
  const machine = given ?? createRuntime();
  const production = input.production ?? process.env['NODE_ENV'] === 'production';
  const settings = resolveSettings({ ...input, production }, 'option');
  const roles = rolesOf(rolePermissions);
  const observers = await loadObservers({
    metrics: settings.metrics,
    databaseSystem: isPostgres(settings) ? 'postgresql' : 'sqlite',
    runtime: machine,
  });
  const logger = observers.watchLogger(givenLogger);

  const { secret, createdPath } = loadSecret({
    // An empty variable is one that is not set, as everywhere.
    configured: configured ?? (process.env['LATCHKEY_SECRET'] || undefined),
    databasePath: secretPlaceOf(settings),
    production,
    runtime: machine,
  });
  const auditChain = createAuditChain(deriveKey(secret, 'audit'));
  const { database, databasePool } = settings;
  let keyRing: KeyRing | undefined;
  const opened = await openStore({
    database,
    databasePool,
    runtime: machine,
    keepsTime: given !== undefined,
    auditChain,
    onKeysChanged: () => keyRing?.renew(),
  });
  const { runtime } = opened;
  if (opened.isPooled) {
    logger.warn({}, 'a pooler in transaction mode answers: each call reads the database');
  }
  const store = observers.watchStore(opened.store);
  let openedLimits: OpenedLimits | undefined;
  try {
    if (settings.rateLimits) {
      openedLimits = await openLimits({
        overrides: settings.limits,
        salt: deriveKey(secret, 'limits'),
        redis: settings.redis,
        pool: opened.pool,
        hasPrimary: isServedByPrimary(process.env),
        runtime,
        onChange: (change) => logSharing(logger, change),
      });
    }
    const sealer = createSealer(deriveKey(secret, 'seal'), runtime);
    keyRing = createKeyRing({
      algorithm: settings.signingAlgorithm,
      tokenLifetimeMs: settings.accessTtlSeconds * 1_000,
      store,
      sealer,
      runtime,
    });
    // The first start makes the keys; a wrong secret shows here and not at the first sign-in.
    await keyRing.activeKey();
    const accessTokens = createAccessTokens({
      keyRing,
      issuer: settings.url,
      audience: settings.audience,
      ttlSeconds: settings.accessTtlSeconds,
      runtime,
    });
    const hasher = createPasswordHasher({
      cost: settings.bcryptCost,
      pepper: deriveKey(secret, 'pepper'),
      concurrency: hashesAtOnce,
      measure: observers.measureHash,
    });
    const accounts: AccountParts = {
      store,
      runtime,
      accessTokens: observers.watchTokens(accessTokens),
      refreshTokens: createRefreshTokens(sealer, runtime),
      sessionSettings: {
        ttlMs: settings.sessionTtlSeconds * 1_000,
        idleTtlMs: settings.sessionIdleTtlSeconds * 1_000,
        refreshGraceMs: settings.refreshGraceSeconds * 1_000,
        maxPerUser: settings.maxSessionsPerUser,
      },
      claimsOf: async (user: UserRecord) =>
        claims ? readCustomClaims(await claims(toUser<Role>(user))) : {},
      hasher: observers.watchHasher(hasher),
      policy: createPasswordPolicy(settings.minPasswordLength, [
        ...settings.passwordWords,
        new URL(settings.url).hostname,
      ]),
      limits: observers.watchLimits(openedLimits ?? createNoLimits()),
    };
    const stopPruning = startPruning(store, runtime, {
      kept: {
        sessionsMs: endedSessionsKeptMs,
        auditEventsMs: settings.auditRetentionDays * 24 * 3_600_000,
        signingKeysMs: settings.accessTtlSeconds * 1_000 + endedSessionsKeptMs,
      },
      onError: (error) => logger.warn(describeError(error), 'pruning failed'),
    });
    const refusals = observers.watchRefusals(
      createRefusalLog(runtime, (event) => store.recordAuditEvent(event)),
    );
    return {
      settings,
      runtime,
      logger,
      accounts,
      keyRing,
      auditChain,
      refusals,
      observers,
      roles,
      schemas: createRoleSchemas(roles),
      created: {
        database: opened.created,
        migrations: opened.migrationsApplied,
        secretPath: createdPath,
      },
      catchUp: () => opened.catchUp(),
      async close() {
        stopPruning();
        await refusals.close();
        openedLimits?.close();
        await observers.close();
        await store.close();
      },
    };
  } catch (error) {
    openedLimits?.close();
    await store.close();
    // To a caller it is a matter of trying again; here it is one for whoever starts the server.
    throw error instanceof LatchkeyError ? explainDatabaseError(error.cause) : error;
  }
}

function logSharing(logger: Logger, { place, isAnswering, error }: SharingChange): void {
  if (isAnswering) logger.info({}, `${place} answers again: limits are shared`);
  else {
    logger.warn(describeError(error), `${place} does not answer: limits are this process’s own`);
  }
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
