import { expect, test } from 'vitest';
import { ConfigurationError } from './configuration-error.ts';
import { logLevels, readEnvironment } from './environment.ts';

const secret = '5Zp8xw3oT0mJ4cQyq7Vh2nKfLrUeBdGaS1iWkMtNvXY';
const otherSecret = 'Qe7YhL2-pNwC9sVjXo4ZtKb1RmGf8Ud5iWa3TcE6yHs';
const production = {
  NODE_ENV: 'production',
  LATCHKEY_SECRET: secret,
  LATCHKEY_URL: 'https://a.example',
};

/** The lines with which an environment is refused; none where it is good. */
function problemsOf(variables: Record<string, string>): readonly string[] {
  try {
    readEnvironment(variables);
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
}

/** Which variables are refused. */
function refusedOf(variables: Record<string, string>): string[] {
  return problemsOf(variables).map((problem) => problem.split(':', 1)[0] ?? '');
}

test('an empty environment is that of a developer', () => {
  expect(readEnvironment({})).toEqual({
    port: 4_000,
    host: '127.0.0.1',
    logLevel: 'info',
    secret: undefined,
    workers: 1,
    stopDelayMs: 0,
    admin: null,
    settings: {
      database: 'file:./data/latchkey.db',
      databasePool: 10,
      url: 'http://localhost:4000',
      audience: 'http://localhost:4000',
      signingAlgorithm: 'EdDSA',
      accessTtlSeconds: 900,
      sessionTtlSeconds: 30 * 86_400,
      sessionIdleTtlSeconds: 14 * 86_400,
      refreshGraceSeconds: 10,
      bcryptCost: 12,
      minPasswordLength: 12,
      passwordWords: [],
      maxSessionsPerUser: 100,
      metrics: false,
      auditRetentionDays: 365,
      trustedProxies: [],
      allowedOrigins: ['http://localhost:4000', 'http://127.0.0.1:4000'],
      rateLimits: true,
      limits: {},
      services: [],
      allowHttp: false,
      production: false,
    },
  });
});

test.each([
  ['DATABASE_URL', ':memory:', { database: ':memory:' }],
  ['DATABASE_URL', 'file:/var/lib/a b.db', { database: 'file:/var/lib/a b.db' }],
  [
    'LATCHKEY_URL',
    'https://a.example:8443',
    { url: 'https://a.example:8443', audience: 'https://a.example:8443' },
  ],
  ['LATCHKEY_AUDIENCE', 'api', { audience: 'api' }],
  ['LATCHKEY_AUDIT_RETENTION_DAYS', '30', { auditRetentionDays: 30 }],
  [
    'LATCHKEY_LIMITS',
    'signInPerAddress=5/60, registerPerAddress=1/10',
    {
      limits: {
        signInPerAddress: { calls: 5, seconds: 60 },
        registerPerAddress: { calls: 1, seconds: 10 },
      },
    },
  ],
  [
    'LATCHKEY_SERVICES',
    `orders:${secret}, orders:${otherSecret}`,
    {
      services: [
        { name: 'orders', secret },
        { name: 'orders', secret: otherSecret },
      ],
    },
  ],
  ['LATCHKEY_SIGNING_ALG', 'HS256', { signingAlgorithm: 'HS256' }],
  ['LATCHKEY_ACCESS_TTL', '60', { accessTtlSeconds: 60 }],
  ['LATCHKEY_SESSION_TTL', '31536000', { sessionTtlSeconds: 31_536_000 }],
  ['LATCHKEY_SESSION_TTL', '1', { sessionTtlSeconds: 1 }],
  ['LATCHKEY_SESSION_IDLE_TTL', '60', { sessionIdleTtlSeconds: 60 }],
  ['LATCHKEY_REFRESH_GRACE', '0', { refreshGraceSeconds: 0 }],
  ['LATCHKEY_BCRYPT_COST', '4', { bcryptCost: 4 }],
  ['LATCHKEY_PASSWORD_MIN_LENGTH', '8', { minPasswordLength: 8 }],
  ['LATCHKEY_PASSWORD_WORDS', 'acme, road runner', { passwordWords: ['acme', 'road runner'] }],
  ['LATCHKEY_MAX_SESSIONS', '1', { maxSessionsPerUser: 1 }],
  [
    'LATCHKEY_TRUSTED_PROXIES',
    '10.0.0.0/8, 2001:db8::1',
    { trustedProxies: ['10.0.0.0/8', '2001:db8::1'] },
  ],
  [
    'LATCHKEY_ALLOWED_ORIGINS',
    'https://a.example , http://b.example:81',
    { allowedOrigins: ['https://a.example', 'http://b.example:81'] },
  ],
  ['LATCHKEY_RATE_LIMITS', 'off', { rateLimits: false }],
  ['LATCHKEY_RATE_LIMITS', 'on', { rateLimits: true }],
  ['LATCHKEY_METRICS', 'on', { metrics: true }],
  ['LATCHKEY_ALLOW_HTTP', '1', { allowHttp: true }],
  ['NODE_ENV', 'development', { production: false }],
])('%s may be %j', (name, text, settings) => {
  expect(readEnvironment({ [name]: text }).settings).toMatchObject(settings);
});

test.each([
  ['PORT', '80', 'http://localhost'],
  ['PORT', '443', 'http://localhost:443'],
  ['PORT', '65535', 'http://localhost:65535'],
])('%s %s is part of the default URL', (name, text, url) => {
  const { port, settings } = readEnvironment({ [name]: text });
  expect(port).toBe(Number(text));
  expect(settings.url).toBe(url);
});

test.each(logLevels)('the log level may be %s', (level) => {
  expect(readEnvironment({ LATCHKEY_LOG_LEVEL: level }).logLevel).toBe(level);
});

test.each(['0.0.0.0', '::', '::1', 'localhost', 'auth-1.internal'])('HOST may be %s', (host) => {
  expect(readEnvironment({ HOST: host }).host).toBe(host);
});

test.each([
  ['PORT', 'http'],
  ['PORT', '65536'],
  ['PORT', '-1'],
  ['PORT', '80.5'],
  ['PORT', '0x50'],
  ['HOST', 'two words'],
  ['HOST', 'http://x'],
  ['DATABASE_URL', 'hunter2.db'],
  ['DATABASE_URL', 'file:'],
  ['DATABASE_URL', 'mysql://root:hunter2@db/latchkey'],
  ['REDIS_URL', 'http://:hunter2@cache'],
  ['LATCHKEY_SECRET', 'hunter2'],
  ['LATCHKEY_URL', 'auth.hunter2.example'],
  ['LATCHKEY_URL', 'https://hunter2.example/'],
  ['LATCHKEY_URL', 'https://hunter2.example/auth'],
  ['LATCHKEY_URL', 'https://root:hunter2@a.example'],
  ['LATCHKEY_URL', 'https://HUNTER2.example'],
  ['LATCHKEY_URL', 'ftp://hunter2.example'],
  ['LATCHKEY_URL', 'javascript:hunter2'],
  ['LATCHKEY_AUDIENCE', 'x'.repeat(257)],
  ['LATCHKEY_SERVICES', 'hunter2'],
  ['LATCHKEY_SERVICES', 'orders:hunter2'],
  ['LATCHKEY_SERVICES', `:${secret}`],
  ['LATCHKEY_SERVICES', `Hunter2:${secret}`],
  ['LATCHKEY_SERVICES', `orders:${secret},`],
  ['LATCHKEY_SERVICES', `orders:${'hunter2'.repeat(9)},billing:hunter3`],
  ['LATCHKEY_SIGNING_ALG', 'none'],
  ['LATCHKEY_SIGNING_ALG', 'eddsa'],
  ['LATCHKEY_ACCESS_TTL', '0'],
  ['LATCHKEY_ACCESS_TTL', '86401'],
  ['LATCHKEY_ACCESS_TTL', '15m'],
  ['LATCHKEY_ACCESS_TTL', '1e3'],
  ['LATCHKEY_SESSION_TTL', '0'],
  ['LATCHKEY_SESSION_TTL', '31536001'],
  ['LATCHKEY_SESSION_IDLE_TTL', '0'],
  ['LATCHKEY_REFRESH_GRACE', '61'],
  ['LATCHKEY_BCRYPT_COST', '3'],
  ['LATCHKEY_BCRYPT_COST', '16'],
  ['LATCHKEY_PASSWORD_MIN_LENGTH', '7'],
  ['LATCHKEY_PASSWORD_MIN_LENGTH', '65'],
  ['LATCHKEY_PASSWORD_WORDS', 'acme,xyz'],
  ['LATCHKEY_PASSWORD_WORDS', 'acme,'],
  ['LATCHKEY_PASSWORD_WORDS', 'x'.repeat(65)],
  ['LATCHKEY_MAX_SESSIONS', '0'],
  ['LATCHKEY_MAX_SESSIONS', '1001'],
  ['LATCHKEY_TRUSTED_PROXIES', '10.0.0.0/8,hunter2,hunter3'],
  ['LATCHKEY_TRUSTED_PROXIES', '10.0.0.0/33'],
  ['LATCHKEY_TRUSTED_PROXIES', '*'],
  ['LATCHKEY_ALLOWED_ORIGINS', '*'],
  ['LATCHKEY_ALLOWED_ORIGINS', 'null'],
  ['LATCHKEY_ALLOWED_ORIGINS', 'https://*.hunter2.example'],
  ['LATCHKEY_ALLOWED_ORIGINS', 'https://hunter2.example/,https://hunter3.example/'],
  ['LATCHKEY_RATE_LIMITS', 'false'],
  ['LATCHKEY_ALLOW_HTTP', 'yes'],
  ['LATCHKEY_LOG_LEVEL', 'verbose'],
  ['LATCHKEY_ADMIN_EMAIL', 'hunter2'],
])('%s may not be %s: one line says so, without the value', (name, text) => {
  const both = { LATCHKEY_ADMIN_PASSWORD: 'correct horse battery' };
  const problems = problemsOf({ ...(name === 'LATCHKEY_ADMIN_EMAIL' ? both : {}), [name]: text });
  expect(problems).toEqual([
    expect.stringMatching(new RegExp(`^${name}: [^\\n]+ Wanted: [^\\n]+\\.$`)),
  ]);
  expect(problems.join().toLowerCase()).not.toContain('hunter');
});

test.each([
  ['LATCHKEY_SECRET', { LATCHKEY_SECRET: '' }],
  ['LATCHKEY_URL', { LATCHKEY_URL: '' }],
  ['LATCHKEY_URL', { LATCHKEY_URL: 'http://a.example' }],
  ['LATCHKEY_BCRYPT_COST', { LATCHKEY_BCRYPT_COST: '9' }],
  ['LATCHKEY_RATE_LIMITS', { LATCHKEY_RATE_LIMITS: 'off' }],
])('in production %s is refused with %j', (name, variables) => {
  expect(refusedOf({ ...production, ...variables })).toEqual([name]);
});

test('in production plain http is taken where it is allowed by name', () => {
  expect(refusedOf({ ...production, LATCHKEY_URL: 'http://a', LATCHKEY_ALLOW_HTTP: '1' })).toEqual(
    [],
  );
});

test('a session may be shorter than it may idle', () => {
  expect(refusedOf({ LATCHKEY_SESSION_TTL: '5' })).toEqual([]);
  expect(refusedOf({ LATCHKEY_SESSION_IDLE_TTL: '5' })).toEqual([]);
});

test('every problem shows at once, whichever kind it is', () => {
  const variables = {
    NODE_ENV: 'production',
    PORT: 'x',
    HOST: ' ',
    DATABASE_URL: 'x',
    LATCHKEY_ACCESS_TTL: 'x',
    LATCHKEY_BCRYPT_COST: '5',
    LATCHKEY_RATE_LIMITS: 'off',
    LATCHKEY_LOG_LEVEL: 'x',
    LATCHKEY_ADMIN_PASSWORD: 'x',
  };
  expect(refusedOf(variables).toSorted()).toEqual(
    [
      ...Object.keys(variables).filter((name) => !/NODE_ENV|ADMIN_PASSWORD/.test(name)),
      'LATCHKEY_ADMIN_EMAIL',
      'LATCHKEY_SECRET',
      'LATCHKEY_URL',
    ].toSorted(),
  );
});

test('what hangs on a wrong variable is not called wrong for it', () => {
  expect(refusedOf({ PORT: 'x' })).toEqual(['PORT']);
  expect(refusedOf({ LATCHKEY_SESSION_TTL: 'x', LATCHKEY_SESSION_IDLE_TTL: '31536000' })).toEqual([
    'LATCHKEY_SESSION_TTL',
  ]);
});

test('an empty variable is one that is not set', () => {
  const names = ['PORT', 'HOST', 'DATABASE_URL', 'LATCHKEY_SECRET', 'LATCHKEY_TRUSTED_PROXIES'];
  const variables = Object.fromEntries(names.map((name) => [name, '']));
  expect(readEnvironment(variables)).toEqual(readEnvironment({}));
});

test('the first admin has an address and a password', () => {
  const variables = {
    LATCHKEY_ADMIN_EMAIL: 'Ada@A.example',
    LATCHKEY_ADMIN_PASSWORD: ' cafe\u0301 ',
  };
  expect(readEnvironment(variables).admin).toEqual({
    email: 'ada@a.example',
    password: ' caf\u00E9 ',
  });
  expect(refusedOf({ LATCHKEY_ADMIN_EMAIL: 'ada@a.example' })).toEqual(['LATCHKEY_ADMIN_PASSWORD']);
  expect(refusedOf({ LATCHKEY_ADMIN_PASSWORD: 'x' })).toEqual(['LATCHKEY_ADMIN_EMAIL']);
});
