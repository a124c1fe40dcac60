import { ConfigurationError } from '../config/configuration-error.ts';
import { postgresExplanations } from './postgres/explanations.ts';
import { postgresCodeOf } from './postgres/postgres-error.ts';
import { sqliteExplanations } from './sqlite/explanations.ts';

/**
 * What to do when the database cannot be used, as a ConfigurationError. An error without a code of
 * SQLite, of PostgreSQL or of the system is a defect, and stays as it is.
 */
export function explainDatabaseError(error: unknown): unknown {
  if (error instanceof ConfigurationError) return error;
  const code = postgresCodeOf(error);
  if (code === null) return error;
  const explanation =
    sqliteExplanations[code] ??
    sqliteExplanations[code.split('_').slice(0, 2).join('_')] ??
    postgresExplanations[code] ??
    postgresExplanations[code.slice(0, 2)] ??
    `opening the database fails with ${code}. Check what DATABASE_URL names`;
  // The driver's own error stays behind: it may hold values.
  const cause = Object.assign(new Error('The database cannot be used.'), { code });
  return new ConfigurationError([`DATABASE_URL: ${explanation}.`], { cause });
}
