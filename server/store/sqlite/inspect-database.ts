import { existsSync, statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { explainDatabaseError } from '../explain-database-error.ts';
import { assertSqliteVersion, findPendingMigrations, sqliteVersionOf } from './open-database.ts';

/** One fault is enough to restore a backup; some more tell how bad it is. */
const maxFaults = 3;

/** A database as it is found, opened for reading alone. */
export interface DatabaseInspection {
  readonly database: Database.Database;
  readonly journalMode: string;
  /** How many migrations it lacks. Only without any can it be read through the store. */
  readonly pendingMigrations: number;
  /** Those of its files that others than their owner may open. */
  readonly exposedFiles: readonly string[];
  /**
   * What SQLite finds wrong with the file. Reads all of it.
   *
   * @throws ConfigurationError when it cannot be read to its end
   */
  findFaults(): readonly string[];
  close(): void;
}

/**
 * Looks at a database and changes nothing.
 *
 * @returns `null` when there is no file
 * @throws ConfigurationError when the file cannot be used, with what to do
 */
export function inspectDatabase(path: string): DatabaseInspection | null {
  if (!existsSync(path)) return null;
  let database: Database.Database | undefined;
  try {
    const opened = new Database(path, { readonly: true, fileMustExist: true });
    database = opened;
    return {
      database: opened,
      journalMode: String(opened.pragma('journal_mode', { simple: true })),
      pendingMigrations: findPendingMigrations(opened).length,
      exposedFiles: [path, `${path}-wal`, `${path}-shm`].filter(isExposed),
      findFaults: () => findFaults(opened),
      close: () => {
        opened.close();
      },
    };
  } catch (error) {
    database?.close();
    throw explainDatabaseError(error);
  }
}

function findFaults(database: Database.Database): readonly string[] {
  try {
    return database
      .prepare<[], { integrity_check: string }>(`PRAGMA integrity_check(${maxFaults})`)
      .all()
      .map((row) => row.integrity_check)
      .filter((line) => line !== 'ok');
  } catch (error) {
    throw explainDatabaseError(error);
  }
}

/** Whether others than the owner may open a file. Windows has no such bits. */
export function isExposed(path: string): boolean {
  const status = statSync(path, { throwIfNoEntry: false });
  return status !== undefined && process.platform !== 'win32' && (status.mode & 0o077) !== 0;
}

/**
 * The version of the SQLite that better-sqlite3 brings.
 *
 * @throws ConfigurationError when it is too old to be trusted with a shared file
 */
export function readSqliteVersion(): string {
  const database = new Database(':memory:');
  try {
    const version = sqliteVersionOf(database);
    assertSqliteVersion(version);
    return version;
  } finally {
    database.close();
  }
}
