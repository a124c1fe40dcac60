import { LatchkeyError } from '../../../shared/latchkey-error.ts';

const retryAfterSeconds = 1;

/** What the driver says without a code, by how it begins. */
const driverMessages: readonly (readonly [string, string])[] = [
  ['Connection terminated due to connection timeout', 'CONNECT_TIMEOUT'],
  ['Connection terminated', 'CONNECTION_LOST'],
  ['Client has encountered a connection error', 'CONNECTION_LOST'],
  ['Client was closed', 'CONNECTION_LOST'],
  ['timeout exceeded when trying to connect', 'POOL_TIMEOUT'],
  ['timeout expired', 'CONNECT_TIMEOUT'],
  ['Query read timeout', 'QUERY_TIMEOUT'],
  ['Cannot use a pool after calling end', 'POOL_CLOSED'],
  ['The server does not support SSL', 'NO_TLS'],
  ['There was an error establishing an SSL connection', 'NO_TLS'],
  ['SASL: SCRAM-SERVER-FIRST-MESSAGE: client password', 'NO_PASSWORD'],
];

/**
 * The SQLSTATE, the system's code or a name for what the driver says, wherever it stands in a
 * chain of causes.
 */
export function postgresCodeOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  // The driver reads the URL where it connects.
  if (error instanceof URIError) return 'URL';
  if ('code' in error && typeof error.code === 'string') return error.code;
  const known = driverMessages.find(([message]) => error.message.startsWith(message));
  return known?.[1] ?? postgresCodeOf(error.cause);
}

/** The constraint that a row would break. */
export function brokenConstraintOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if (!('constraint' in error && 'code' in error)) return brokenConstraintOf(error.cause);
  return error.code === '23505' && typeof error.constraint === 'string' ? error.constraint : null;
}

/** The database has undone all of it, and it may go better next time. */
export function isUndoneForAnother(error: unknown): boolean {
  return /^(40001|40P01)$/.test(postgresCodeOf(error) ?? '');
}

/**
 * Codes that say: not now, or not on this server (PostgreSQL, Appendix A). Any other one is a
 * defect of ours, which waiting does not mend.
 */
const unavailable = [
  /^(08...|28...|3D000|53...|57P0.|57014|55P03|25006|25P0[34]|40001|40003|40P01|58030)$/,
  /^E(CONN.*|PIPE|HOST.*|NET.*|ADDRNOTAVAIL|TIMEDOUT|AI_.*|NOTFOUND|NOENT)$/,
  // A statement of a name that another connection knows: a pooler has begun to change them.
  /^(26000|42P05)$/,
  // No TLS with this server as it is: a certificate has expired, or another one was put there.
  /^(NO_TLS|EPROTO|CERT_.+|.+_CERT|.+_IN_CHAIN|UNABLE_TO_.+|ERR_(TLS|SSL|OSSL)_.+)$/,
  /^(CONNECTION_LOST|CONNECT_TIMEOUT|POOL_TIMEOUT|POOL_CLOSED|QUERY_TIMEOUT)$/,
];

/** True when the database cannot do now what it was asked, or cannot be reached. */
function isUnavailable(error: unknown): boolean {
  const code = postgresCodeOf(error);
  return code !== null && unavailable.some((pattern) => pattern.test(code));
}

/**
 * What a caller of the store gets: `overloaded` where the database cannot do the work now. Whatever
 * else the driver says is a defect; its own error stays behind, for it may hold parameters.
 */
export function toStoreError(error: unknown): unknown {
  const code = postgresCodeOf(error);
  if (isUnavailable(error)) return overloaded(code);
  if (!/^[0-9A-Z]{5}$/.test(code ?? '')) return withoutQuery(error);
  const constraint = brokenConstraintOf(error);
  return Object.assign(new Error('PostgreSQL refused it.'), { code, constraint });
}

/** What went wrong with a query, without the query and its parameters. */
function withoutQuery(error: unknown): unknown {
  return error instanceof Error && 'params' in error ? error.cause : error;
}

export function overloaded(code: string | null): LatchkeyError {
  const cause = Object.assign(new Error('PostgreSQL did not do it.'), { code });
  return new LatchkeyError('overloaded', { retryAfterSeconds, cause });
}
