import { LatchkeyError } from '../../../shared/latchkey-error.ts';
import { DrizzleQueryError } from './drizzle.ts';

const retryAfterSeconds = 1;

/** SQLite's result code, such as `SQLITE_BUSY`, wherever it stands in a chain of causes. */
function sqliteCodeOf(error: unknown): string | null {
  const cause = error instanceof DrizzleQueryError ? error.cause : error;
  if (!(cause instanceof Error) || !('code' in cause)) return null;
  return typeof cause.code === 'string' && cause.code.startsWith('SQLITE_') ? cause.code : null;
}

/** True when another connection holds the lock that was wanted. */
export function isBusy(error: unknown): boolean {
  const code = sqliteCodeOf(error);
  return code !== null && (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED'));
}

/**
 * Result codes that say: not now, or not on this disk. Any other one is a defect
 * of ours, which waiting does not mend.
 */
const unavailable =
  /^SQLITE_(BUSY|CANTOPEN|CORRUPT|FULL|IOERR|LOCKED|NOMEM|NOTADB|PROTOCOL|READONLY)(_|$)/;

/** True when the database cannot do now what it was asked. */
function isUnavailable(error: unknown): boolean {
  return unavailable.test(sqliteCodeOf(error) ?? '');
}

/** What a caller of the store gets for an error of SQLite: `overloaded` where it cannot do the work now. */
export function toStoreError(error: unknown): unknown {
  return isUnavailable(error) ? overloaded(sqliteCodeOf(error)) : error;
}

/** The driver's own error stays behind: its message may hold parameters. */
export function overloaded(code: string | null): LatchkeyError {
  const cause = Object.assign(new Error('SQLite did not do it.'), { code });
  return new LatchkeyError('overloaded', { retryAfterSeconds, cause });
}
