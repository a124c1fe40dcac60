import { z } from 'zod';
import { emailSchema, passwordSchema } from '../../shared/schemas.ts';
import { ConfigurationError } from './configuration-error.ts';
import { assertSecret } from './secret.ts';
import { resolveSettings, type Settings } from './settings.ts';

/** Levels of the log, from the most to the least it says. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** What the environment says of a server of its own. */
export interface Environment {
  readonly settings: Settings;
  readonly secret: string | undefined;
  readonly port: number;
  readonly host: string;
  readonly logLevel: LogLevel;
  /** Processes that serve; 1 is this one. */
  readonly workers: number;
  /** Milliseconds from being told to stop to taking no new work. */
  readonly stopDelayMs: number;
  /** The first admin, made on start if there is none. */
  readonly admin: { readonly email: string; readonly password: string } | null;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** What a variable has to be, in words and as a schema. */
interface Wanted<T> {
  readonly wanted: string;
  readonly schema: z.ZodType<T>;
}

/** What the environment says beside the settings and the secret. */
export const serverVariables = {
  /** Port to listen on; 0 takes a free one. */
  PORT: {
    wanted: 'a port number, 0 to 65535',
    schema: z.int().min(0).max(65_535).default(4_000),
  },
  /** Address to listen on. */
  HOST: {
    wanted: 'an address or host name to listen on',
    schema: z
      .string()
      .regex(/^[A-Za-z0-9.:_-]+$/)
      .default('127.0.0.1'),
  },
  /** How much is logged, one JSON object a line. */
  LATCHKEY_LOG_LEVEL: {
    wanted: `one of ${logLevels.join(', ')}`,
    schema: z.enum(logLevels).default('info'),
  },
  /** Processes on this machine that share the port and the database; 1 is the process itself. */
  LATCHKEY_WORKERS: {
    wanted: 'a number of processes, 1 to 64',
    schema: z.int().min(1).max(64).default(1),
  },
  /** Seconds that a server which was told to stop still takes new work while `/health/ready` is 503, for a balancer to notice. */
  LATCHKEY_STOP_DELAY: {
    wanted: 'whole seconds, 0 to 5',
    schema: z.int().min(0).max(5).default(0),
  },
  /** Who becomes the first admin, if there is none on start. */
  LATCHKEY_ADMIN_EMAIL: {
    wanted: 'an e-mail address, together with LATCHKEY_ADMIN_PASSWORD',
    schema: emailSchema,
  },
  /** The password of that admin. */
  LATCHKEY_ADMIN_PASSWORD: {
    wanted: 'a password, together with LATCHKEY_ADMIN_EMAIL',
    schema: passwordSchema,
  },
} as const;

/**
 * Reads the environment.
 *
 * @throws ConfigurationError with a line for each variable that is wrong
 */
export function readEnvironment(variables: Variables): Environment {
  // An empty variable is one that is not set, as shells and compose files have it.
  const get = (name: string) => variables[name] || undefined;
  const list = (name: string) =>
    get(name)
      ?.split(',')
      .map((entry) => entry.trim());
  // What is not a number stays what it is, for the setting's own check to refuse.
  const number = (name: string) => {
    const text = get(name);
    return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : (text as undefined);
  };
  const flag = (name: string, on: string, off: string) => {
    const text = get(name);
    return text === on ? true : text === off ? false : (text as undefined);
  };

  // `name=calls/seconds`; what is not of that form is for the setting's own check to refuse.
  const limits = () => {
    const entries = list('LATCHKEY_LIMITS')?.map((entry) => {
      const [, name = entry, calls, seconds] = /^(\w+)=(\d+)\/(\d+)$/.exec(entry) ?? [];
      return [name, { calls: Number(calls), seconds: Number(seconds) }] as const;
    });
    return entries && Object.fromEntries(entries);
  };

  // `name:secret`, likewise.
  const services = () =>
    list('LATCHKEY_SERVICES')?.map((entry) => {
      const [, name = '', secret = ''] = /^([^:]*):(.*)$/.exec(entry) ?? [];
      return { name, secret };
    });

  const problems: string[] = [];
  function check<T>(name: string, value: unknown, { wanted, schema }: Wanted<T>): T {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    problems.push(`${name}: not valid. Wanted: ${wanted}.`);
    return undefined as T; // Never used: the problem throws below.
  }

  const port = check('PORT', number('PORT'), serverVariables.PORT);
  const host = check('HOST', get('HOST'), serverVariables.HOST);
  const logLevel = check(
    'LATCHKEY_LOG_LEVEL',
    get('LATCHKEY_LOG_LEVEL'),
    serverVariables.LATCHKEY_LOG_LEVEL,
  );
  const workers = check(
    'LATCHKEY_WORKERS',
    number('LATCHKEY_WORKERS'),
    serverVariables.LATCHKEY_WORKERS,
  );
  const stopDelaySeconds = check(
    'LATCHKEY_STOP_DELAY',
    number('LATCHKEY_STOP_DELAY'),
    serverVariables.LATCHKEY_STOP_DELAY,
  );
  const admin = readAdmin(get('LATCHKEY_ADMIN_EMAIL'), get('LATCHKEY_ADMIN_PASSWORD'), check);

  const production = get('NODE_ENV') === 'production';
  const secret = get('LATCHKEY_SECRET');
  collect(problems, () => assertSecret(secret, production));
  const settings = collect(problems, () =>
    resolveSettings(
      {
        database: get('DATABASE_URL'),
        databasePool: number('DATABASE_POOL'),
        redis: get('REDIS_URL'),
        // As an origin is written, without the port that goes without saying.
        url: get('LATCHKEY_URL') ?? new URL(`http://localhost:${port ?? 0}`).origin,
        audience: get('LATCHKEY_AUDIENCE'),
        // The schema decides whether it is one of them.
        signingAlgorithm: get('LATCHKEY_SIGNING_ALG') as undefined,
        accessTtlSeconds: number('LATCHKEY_ACCESS_TTL'),
        sessionTtlSeconds: number('LATCHKEY_SESSION_TTL'),
        sessionIdleTtlSeconds: number('LATCHKEY_SESSION_IDLE_TTL'),
        refreshGraceSeconds: number('LATCHKEY_REFRESH_GRACE'),
        bcryptCost: number('LATCHKEY_BCRYPT_COST'),
        minPasswordLength: number('LATCHKEY_PASSWORD_MIN_LENGTH'),
        passwordWords: list('LATCHKEY_PASSWORD_WORDS'),
        maxSessionsPerUser: number('LATCHKEY_MAX_SESSIONS'),
        auditRetentionDays: number('LATCHKEY_AUDIT_RETENTION_DAYS'),
        trustedProxies: list('LATCHKEY_TRUSTED_PROXIES'),
        allowedOrigins: list('LATCHKEY_ALLOWED_ORIGINS'),
        limits: limits(),
        services: services(),
        rateLimits: flag('LATCHKEY_RATE_LIMITS', 'on', 'off'),
        metrics: flag('LATCHKEY_METRICS', 'on', 'off'),
        allowHttp: flag('LATCHKEY_ALLOW_HTTP', '1', '0'),
        production,
      },
      'environment',
    ),
  );
  if (workers > 1 && settings?.database === ':memory:') {
    problems.push(
      'LATCHKEY_WORKERS: more than 1 with a database in memory, which each would have for itself. Wanted: 1, or a file as DATABASE_URL.',
    );
  }
  if (!settings || problems.length > 0) throw new ConfigurationError(problems);
  const stopDelayMs = stopDelaySeconds * 1_000;
  return { settings, secret, port, host, logLevel, workers, stopDelayMs, admin };
}

/** Does a part of the work, and keeps what is wrong with it beside what else is. */
function collect<T>(problems: string[], work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}

function readAdmin(
  email: string | undefined,
  password: string | undefined,
  check: <T>(name: string, value: unknown, wanted: Wanted<T>) => T,
): Environment['admin'] {
  if (email === undefined && password === undefined) return null;
  return {
    email: check('LATCHKEY_ADMIN_EMAIL', email, serverVariables.LATCHKEY_ADMIN_EMAIL),
    password: check('LATCHKEY_ADMIN_PASSWORD', password, serverVariables.LATCHKEY_ADMIN_PASSWORD),
  };
}
