import { z } from 'zod';
import { defaultLimits, type LimitName } from '../limits/limits.ts';
import { minPasswordLengthBounds, minWordLength } from '../passwords/password-policy.ts';
import { maxAccessTtlSeconds, minAccessTtlSeconds } from '../tokens/access-token.ts';
import { signingAlgorithms } from '../tokens/key-ring.ts';
import { ConfigurationError } from './configuration-error.ts';
import { isSecret } from './secret.ts';

const daySeconds = 86_400;

const origin = z
  .string()
  .regex(/^https?:\/\/[^*]+$/)
  .refine((value) => URL.canParse(value) && new URL(value).origin === value);
const cidr = z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()]);

const postgresProtocols = ['postgres:', 'postgresql:'];
const redisProtocols = ['redis:', 'rediss:'];

function isUrlOf(value: string, protocols: readonly string[]): boolean {
  const url = URL.canParse(value) ? new URL(value) : null;
  return url !== null && protocols.includes(url.protocol) && url.hostname !== '';
}

/** Whether the settings name a PostgreSQL server, and not a file. */
export function isPostgres({ database }: Pick<Settings, 'database'>): boolean {
  return isUrlOf(database, postgresProtocols);
}

// The keys of that table are these names.
const limitNames = Object.keys(defaultLimits) as LimitName[];
const limitRule = z.strictObject({
  calls: z.int().min(1).max(1_000_000),
  seconds: z.int().min(1).max(daySeconds),
  pauseFactor: z.int().min(2).max(60).optional(),
});

/** A backend of yours that asks about tokens. Two entries of one name are both right. */
const service = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9_-]{0,31}$/),
  secret: z.string().max(512).refine(isSecret),
});

/**
 * Every setting of the backend: what it may be, its default, what is wanted in
 * words, and under which name the environment has it.
 */
export const settingsTable = {
  database: {
    env: 'DATABASE_URL',
    wanted:
      'file: and a path, such as file:./data/latchkey.db, or :memory:, or postgres://user:password@host:5432/database',
    schema: z
      .string()
      .refine((value) => /^(file:.+|:memory:)$/.test(value) || isUrlOf(value, postgresProtocols))
      .default('file:./data/latchkey.db'),
  },
  databasePool: {
    env: 'DATABASE_POOL',
    wanted: '1 to 200 connections',
    schema: z.int().min(1).max(200).default(10),
  },
  redis: {
    env: 'REDIS_URL',
    wanted: 'redis://host:6379, or rediss:// for TLS',
    schema: z
      .string()
      .refine((value) => isUrlOf(value, redisProtocols))
      .optional(),
  },
  url: {
    env: 'LATCHKEY_URL',
    wanted: 'the public origin of the server, such as https://auth.example.com',
    schema: origin.default('http://localhost:4000'),
  },
  audience: {
    env: 'LATCHKEY_AUDIENCE',
    wanted: 'a name of 1 to 256 characters',
    schema: z.string().min(1).max(256).optional(),
  },
  signingAlgorithm: {
    env: 'LATCHKEY_SIGNING_ALG',
    wanted: `one of ${signingAlgorithms.join(', ')}`,
    schema: z.enum(signingAlgorithms).default('EdDSA'),
  },
  accessTtlSeconds: {
    env: 'LATCHKEY_ACCESS_TTL',
    wanted: `whole seconds, ${minAccessTtlSeconds} to ${maxAccessTtlSeconds}`,
    schema: z.int().min(minAccessTtlSeconds).max(maxAccessTtlSeconds).default(900),
  },
  sessionTtlSeconds: {
    env: 'LATCHKEY_SESSION_TTL',
    wanted: 'whole seconds, 1 to 31536000 (a year)',
    schema: z
      .int()
      .min(1)
      .max(365 * daySeconds)
      .default(30 * daySeconds),
  },
  sessionIdleTtlSeconds: {
    env: 'LATCHKEY_SESSION_IDLE_TTL',
    wanted: 'whole seconds, 1 to 31536000 (a year)',
    schema: z
      .int()
      .min(1)
      .max(365 * daySeconds)
      .default(14 * daySeconds),
  },
  refreshGraceSeconds: {
    env: 'LATCHKEY_REFRESH_GRACE',
    wanted: 'whole seconds, 0 to 60',
    schema: z.int().min(0).max(60).default(10),
  },
  bcryptCost: {
    env: 'LATCHKEY_BCRYPT_COST',
    wanted: '10 to 15; from 4 outside production',
    schema: z.int().min(4).max(15).default(12),
  },
  minPasswordLength: {
    env: 'LATCHKEY_PASSWORD_MIN_LENGTH',
    wanted: `${minPasswordLengthBounds.least} to ${minPasswordLengthBounds.most} characters`,
    schema: z
      .int()
      .min(minPasswordLengthBounds.least)
      .max(minPasswordLengthBounds.most)
      .default(minPasswordLengthBounds.byDefault),
  },
  passwordWords: {
    env: 'LATCHKEY_PASSWORD_WORDS',
    wanted: `at most 1000 words of ${minWordLength} to 64 characters, such as acme,roadrunner`,
    schema: z.array(z.string().min(minWordLength).max(64)).max(1_000).default([]),
  },
  maxSessionsPerUser: {
    env: 'LATCHKEY_MAX_SESSIONS',
    wanted: '1 to 1000 sessions for each user',
    schema: z.int().min(1).max(1_000).default(100),
  },
  auditRetentionDays: {
    env: 'LATCHKEY_AUDIT_RETENTION_DAYS',
    wanted: 'whole days, 1 to 3650',
    schema: z.int().min(1).max(3_650).default(365),
  },
  trustedProxies: {
    env: 'LATCHKEY_TRUSTED_PROXIES',
    wanted: 'addresses or networks, such as 10.0.0.0/8,2001:db8::/32',
    schema: z.array(cidr).default([]),
  },
  allowedOrigins: {
    env: 'LATCHKEY_ALLOWED_ORIGINS',
    wanted: 'origins, such as https://app.example.com,https://example.com; never *',
    schema: z.array(origin).optional(),
  },
  rateLimits: {
    env: 'LATCHKEY_RATE_LIMITS',
    wanted: 'on, or off outside production',
    schema: z.boolean().default(true),
  },
  limits: {
    env: 'LATCHKEY_LIMITS',
    wanted: `calls/seconds by name, such as signInPerAddress=10/60,registerPerAddress=30/3600; the names are ${limitNames.join(', ')}`,
    schema: z.partialRecord(z.enum(limitNames), limitRule).default({}),
  },
  services: {
    env: 'LATCHKEY_SERVICES',
    wanted:
      'name:secret of each, separated by commas; a name has 1 to 32 of a-z 0-9 _ -, a secret at least 32 random bytes as base64url or hex; "npx latchkey secret" prints some',
    schema: z.array(service).max(100).default([]),
  },
  metrics: {
    env: 'LATCHKEY_METRICS',
    wanted: 'on or off',
    schema: z.boolean().default(false),
  },
  allowHttp: {
    env: 'LATCHKEY_ALLOW_HTTP',
    wanted: '1, or nothing',
    schema: z.boolean().default(false),
  },
  production: {
    env: 'NODE_ENV',
    wanted: 'true or false',
    schema: z.boolean().default(false),
  },
} as const;

const schema = z.strictObject({
  /** The SQLite file, which is made if it is not there; `:memory:` is gone with the process. Or a PostgreSQL database, by its URL. */
  database: settingsTable.database.schema,
  /** Connections to PostgreSQL that this process has at most; the server has to have room for those of all processes. */
  databasePool: settingsTable.databasePool.schema,
  /** The Redis that all processes share their limits through; each has its own without it, or PostgreSQL's. */
  redis: settingsTable.redis.schema,
  /** Public origin of the server, and issuer of its tokens. In production it has to be https. */
  url: settingsTable.url.schema,
  /** `aud` of the access tokens; the issuer by default. */
  audience: settingsTable.audience.schema,
  /** What signs access tokens. With HS256 no other service can verify them. Changed, the next start makes new keys, and tokens of the old ones stay good until they expire. */
  signingAlgorithm: settingsTable.signingAlgorithm.schema,
  /** Seconds that an access token lives. */
  accessTtlSeconds: settingsTable.accessTtlSeconds.schema,
  /** Seconds that a session lives, however much it is used. */
  sessionTtlSeconds: settingsTable.sessionTtlSeconds.schema,
  /** Seconds that a session lives without a refresh. */
  sessionIdleTtlSeconds: settingsTable.sessionIdleTtlSeconds.schema,
  /** Seconds in which the refresh token that was just spent gets the same successor again, because a reply was lost. */
  refreshGraceSeconds: settingsTable.refreshGraceSeconds.schema,
  /** Cost of a password hash, in powers of two. A change is taken over by each user's next sign-in. */
  bcryptCost: settingsTable.bcryptCost.schema,
  /** Fewest characters of a new password. */
  minPasswordLength: settingsTable.minPasswordLength.schema,
  /** Words of your place that are no password with a little around them. The host name of `url` is one anyway. */
  passwordWords: settingsTable.passwordWords.schema,
  /** Live sessions of a user; a further sign-in ends the oldest. */
  maxSessionsPerUser: settingsTable.maxSessionsPerUser.schema,
  /** Days that security events are kept. */
  auditRetentionDays: settingsTable.auditRetentionDays.schema,
  /** Networks of proxies whose `X-Forwarded-For` is believed. */
  trustedProxies: settingsTable.trustedProxies.schema,
  /** Origins of pages that may call the server (CORS) and use cookie mode; the server's own by default. */
  allowedOrigins: settingsTable.allowedOrigins.schema,
  /** Whether limits apply; off is for benchmarks and tests. */
  rateLimits: settingsTable.rateLimits.schema,
  /** Limits that differ from the defaults, by name. */
  limits: settingsTable.limits.schema,
  /** Services that may ask about tokens at `/oauth/introspect`, by name, with their secrets. */
  services: settingsTable.services.schema,
  /** Whether figures for Prometheus are collected, and answered at `/metrics` to whoever asks from a private address and through no proxy. */
  metrics: settingsTable.metrics.schema,
  /** Allows an http origin in production. */
  allowHttp: settingsTable.allowHttp.schema,
  /** Whether it is production; `NODE_ENV` decides by default. */
  production: settingsTable.production.schema,
});

export type SettingName = keyof typeof settingsTable;

/** Settings as a host application or the environment gives them. */
export type SettingsInput = z.input<typeof schema>;

/** Settings with every default in place. */
export interface Settings extends Omit<z.output<typeof schema>, 'audience' | 'allowedOrigins'> {
  readonly audience: string;
  readonly allowedOrigins: readonly string[];
}

/** The SQLite file that the settings name, or `:memory:`. */
export function databasePathOf({ database }: Pick<Settings, 'database'>): string {
  return database.replace(/^file:/, '');
}

/** The database beside which a secret is kept that nobody configured: a file, or where one would be. */
export function secretPlaceOf(settings: Pick<Settings, 'database'>): string {
  return isPostgres(settings) ? './data/latchkey' : databasePathOf(settings);
}

/** By which name a person knows a setting: the option's, or the environment's. */
export type NamedBy = 'option' | 'environment';

/**
 * Checks settings and fills in the defaults.
 *
 * @throws ConfigurationError with one line for each setting that is wrong: its
 *   name, what is wrong, what is wanted, and never its value
 */
export function resolveSettings(input: SettingsInput, namedBy: NamedBy): Settings {
  const parsed = schema.safeParse(input);
  const wrong = new Set(parsed.success ? [] : parsed.error.issues.flatMap(namesIn));
  // What is wrong is set aside, so that what does not go together shows at the same time.
  const settings =
    parsed.data ??
    schema.parse(Object.fromEntries(Object.entries(input).filter(([name]) => !wrong.has(name))));
  const conflicts = findConflicts(settings, namedBy).filter(
    ({ between }) => !between.some((name) => wrong.has(name)),
  );
  const problems = [
    ...[...wrong].map((name) => describe(name, namedBy)),
    ...conflicts.map(({ problem }) => problem),
  ];
  if (problems.length > 0) throw new ConfigurationError(problems);
  return {
    ...settings,
    audience: settings.audience ?? settings.url,
    allowedOrigins: settings.allowedOrigins ?? ownOrigins(settings.url),
  };
}

function namesIn(issue: z.core.$ZodIssue): string[] {
  const [setting] = issue.path;
  // A key that is not known may also be one inside of a setting.
  if (setting === undefined && issue.code === 'unrecognized_keys') return issue.keys;
  return [String(setting)];
}

function describe(name: string, namedBy: NamedBy): string {
  if (!Object.hasOwn(settingsTable, name)) return `${name}: there is no such option. Remove it.`;
  const { wanted } = settingsTable[name as SettingName]; // The line above has looked.
  return `${nameOf(name as SettingName, namedBy)}: not valid. Wanted: ${wanted}.`;
}

function nameOf(name: SettingName, namedBy: NamedBy): string {
  return namedBy === 'environment' ? settingsTable[name].env : name;
}

interface Conflict {
  /** The setting to change, and those that it does not go with. */
  readonly between: readonly [SettingName, ...SettingName[]];
  readonly problem: string;
}

/** What is right by itself and wrong together. */
function findConflicts(settings: z.output<typeof schema>, namedBy: NamedBy): Conflict[] {
  const conflicts: Conflict[] = [];
  const add = (between: Conflict['between'], problem: string) => {
    conflicts.push({ between, problem: `${nameOf(between[0], namedBy)}: ${problem}` });
  };
  if (!settings.production) return conflicts;
  if (!settings.url.startsWith('https:') && !settings.allowHttp) {
    const other = nameOf('allowHttp', namedBy);
    add(['url', 'allowHttp'], `not https in production. Wanted: an https origin, or ${other} set.`);
  }
  // A page that came without TLS may be anybody's; of this machine it is its own.
  if (!settings.allowHttp && settings.allowedOrigins?.some(isPlainHttp)) {
    const other = nameOf('allowHttp', namedBy);
    add(
      ['allowedOrigins', 'allowHttp'],
      `not https in production. Wanted: https origins, or ${other} set.`,
    );
  }
  if (settings.bcryptCost < 10) add(['bcryptCost'], 'too low in production. Wanted: 10 to 15.');
  if (!settings.rateLimits) add(['rateLimits'], 'off in production. Wanted: on.');
  return conflicts;
}

function isPlainHttp(value: string): boolean {
  const { protocol, hostname } = new URL(value);
  return protocol === 'http:' && !/^(localhost|127\.0\.0\.1|\[::1\])$/.test(hostname);
}

/** On a developer's machine the same server goes by two names. */
function ownOrigins(url: string): string[] {
  const { origin: own, hostname } = new URL(url);
  return hostname === 'localhost' ? [own, own.replace('localhost', '127.0.0.1')] : [own];
}
