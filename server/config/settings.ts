import { z } from 'zod';
import { defaultLimits, type LimitName } from '../limits/limits.ts';
import { minPasswordLengthBounds, minWordLength } from '../passwords/password-policy.ts';
import { maxAccessTtlSeconds, minAccessTtlSeconds } from '../tokens/access-token.ts';
import { signingAlgorithms } from '../tokens/key-ring.ts';
import { ConfigurationError } from './configuration-error.ts';

const daySeconds = 86_400;

const origin = z
  .string()
  .regex(/^https?:\/\/[^*]+$/)
  .refine((value) => URL.canParse(value) && new URL(value).origin === value);
const cidr = z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()]);

// The keys of that table are these names.
const limitNames = Object.keys(defaultLimits) as LimitName[];
const limitRule = z.strictObject({
  calls: z.int().min(1).max(1_000_000),
  seconds: z.int().min(1).max(daySeconds),
  pauseFactor: z.int().min(2).max(60).optional(),
});

/**
 * Every setting of the backend: what it may be, its default, what is wanted in
 * words, and under which name the environment has it.
 */
const table = {
  database: {
    env: 'DATABASE_URL',
    wanted: 'file: and a path, such as file:./data/latchkey.db, or :memory:',
    schema: z
      .string()
      .regex(/^(file:.+|:memory:)$/)
      .default('file:./data/latchkey.db'),
  },
  redis: {
    env: 'REDIS_URL',
    wanted: 'nothing: this version shares nothing through Redis',
    schema: z.undefined().optional(),
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
  database: table.database.schema,
  redis: table.redis.schema,
  url: table.url.schema,
  audience: table.audience.schema,
  signingAlgorithm: table.signingAlgorithm.schema,
  accessTtlSeconds: table.accessTtlSeconds.schema,
  sessionTtlSeconds: table.sessionTtlSeconds.schema,
  sessionIdleTtlSeconds: table.sessionIdleTtlSeconds.schema,
  refreshGraceSeconds: table.refreshGraceSeconds.schema,
  bcryptCost: table.bcryptCost.schema,
  minPasswordLength: table.minPasswordLength.schema,
  passwordWords: table.passwordWords.schema,
  maxSessionsPerUser: table.maxSessionsPerUser.schema,
  auditRetentionDays: table.auditRetentionDays.schema,
  trustedProxies: table.trustedProxies.schema,
  allowedOrigins: table.allowedOrigins.schema,
  rateLimits: table.rateLimits.schema,
  limits: table.limits.schema,
  allowHttp: table.allowHttp.schema,
  production: table.production.schema,
});

export type SettingName = keyof typeof table;

/** Settings as a host application or the environment gives them. */
export type SettingsInput = z.input<typeof schema>;

/** Settings with every default in place. */
export interface Settings extends Omit<
  z.output<typeof schema>,
  'redis' | 'audience' | 'allowedOrigins'
> {
  readonly audience: string;
  readonly allowedOrigins: readonly string[];
}

/** The SQLite file that the settings name, or `:memory:`. */
export function databasePathOf({ database }: Pick<Settings, 'database'>): string {
  return database.replace(/^file:/, '');
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
  const { redis: _redis, ...settings } =
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
  return issue.code === 'unrecognized_keys' ? issue.keys : [String(issue.path[0])];
}

function describe(name: string, namedBy: NamedBy): string {
  if (!Object.hasOwn(table, name)) return `${name}: there is no such option. Remove it.`;
  const { wanted } = table[name as SettingName]; // The line above has looked.
  return `${nameOf(name as SettingName, namedBy)}: not valid. Wanted: ${wanted}.`;
}

function nameOf(name: SettingName, namedBy: NamedBy): string {
  return namedBy === 'environment' ? table[name].env : name;
}

interface Conflict {
  /** The setting to change, and those that it does not go with. */
  readonly between: readonly [SettingName, ...SettingName[]];
  readonly problem: string;
}

/** What is right by itself and wrong together. */
function findConflicts(
  settings: Omit<z.output<typeof schema>, 'redis'>,
  namedBy: NamedBy,
): Conflict[] {
  const conflicts: Conflict[] = [];
  const add = (between: Conflict['between'], problem: string) => {
    conflicts.push({ between, problem: `${nameOf(between[0], namedBy)}: ${problem}` });
  };
  if (!settings.production) return conflicts;
  if (!settings.url.startsWith('https:') && !settings.allowHttp) {
    const other = nameOf('allowHttp', namedBy);
    add(['url', 'allowHttp'], `not https in production. Wanted: an https origin, or ${other} set.`);
  }
  if (settings.bcryptCost < 10) add(['bcryptCost'], 'too low in production. Wanted: 10 to 15.');
  if (!settings.rateLimits) add(['rateLimits'], 'off in production. Wanted: on.');
  return conflicts;
}

/** On a developer's machine the same server goes by two names. */
function ownOrigins(url: string): string[] {
  const { origin: own, hostname } = new URL(url);
  return hostname === 'localhost' ? [own, own.replace('localhost', '127.0.0.1')] : [own];
}
