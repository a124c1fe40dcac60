import type { ClientConfig } from 'pg';
import { ConfigurationError } from '../../config/configuration-error.ts';

/** A connection that is not there after this is not waited for. */
const connectTimeoutMs = 2_000;
const statementTimeoutMs = 5_000;
const lockTimeoutMs = 2_000;
const idleInTransactionTimeoutMs = 10_000;
/** When the server says nothing any more, not even that the statement took too long. */
const silenceMs = 7_000;

/** PostgreSQL's own (libpq, "SSL Support"), and the one that the driver has beside them. */
const tlsModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'];

/** How a connection is made that may take its time. What the URL says of the same counts more. */
export function patientConfigOf(url: string): ClientConfig {
  return {
    connectionString: withTlsOfPostgres(url),
    application_name: 'latchkey',
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
  };
}

/** How the connections are made that calls wait for. */
export function configOf(url: string): ClientConfig {
  return {
    ...patientConfigOf(url),
    statement_timeout: statementTimeoutMs,
    lock_timeout: lockTimeoutMs,
    idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
    query_timeout: silenceMs,
  };
}

/**
 * The same URL in the words of the driver, whose `require` and `verify-ca` are others than
 * PostgreSQL's, warn of themselves on stderr and will mean less one day. With an authority named
 * they are what PostgreSQL says. Without one nothing could be verified by it, and what falls back
 * to no TLS protects from nobody: those are as strict as `verify-full`.
 */
function withTlsOfPostgres(url: string): string {
  const start = url.indexOf('?');
  if (start === -1) return url;
  const parameters = new URLSearchParams(url.slice(start));
  // The driver takes the last of several.
  const last = (name: string) => parameters.getAll(name).at(-1) || undefined;
  const mode = last('sslmode');
  assertTlsMode(mode, last('ssl'));
  // What the machine trusts, to PostgreSQL 16 and newer; to the driver, the name of a file.
  const isOfSystem = last('sslrootcert') === 'system';
  if (isOfSystem) parameters.delete('sslrootcert');
  const hasAuthority = last('sslrootcert') !== undefined;
  if (hasAuthority && (mode === 'require' || mode === 'verify-ca')) {
    parameters.set('uselibpqcompat', 'true');
  } else if (isOfSystem ? mode !== 'disable' : isStricterThanSaid(mode, last('uselibpqcompat'))) {
    parameters.set('sslmode', 'verify-full');
  } else if (!isOfSystem) return url;
  return `${url.slice(0, start)}?${parameters.toString()}`;
}

/** @throws ConfigurationError for what would be read as another mode than was meant */
function assertTlsMode(mode: string | undefined, ssl: string | undefined): void {
  if (mode !== undefined && !tlsModes.includes(mode)) {
    throw new ConfigurationError([
      `DATABASE_URL: sslmode is not one that there is. Wanted: ${tlsModes.join(', ')}.`,
    ]);
  }
  // The driver's own. Any other value of it, `false` as well, ends the process inside the driver.
  if (mode === undefined && !/^(true|1|0|no-verify)$/.test(ssl ?? '0')) {
    throw new ConfigurationError([
      'DATABASE_URL: ssl is not a parameter of PostgreSQL. Wanted: sslmode=verify-full, or sslmode=disable.',
    ]);
  }
}

/** Whoever asks for PostgreSQL's modes in the driver's own words gets them, where there are any. */
function isStricterThanSaid(mode: string | undefined, compatibility: string | undefined): boolean {
  if (mode === 'verify-ca') return true;
  return compatibility !== 'true' && /^(allow|prefer|require)$/.test(mode ?? '');
}
