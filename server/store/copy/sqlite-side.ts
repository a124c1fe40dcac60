import Database from 'better-sqlite3';
import { ConfigurationError } from '../../config/configuration-error.ts';
import { explainDatabaseError } from '../explain-database-error.ts';
import { inspectDatabase } from '../sqlite/inspect-database.ts';
import { isBusy } from '../sqlite/sqlite-error.ts';
import type { CopiedTable, Key, Row } from './copied-tables.ts';
import type { Side } from './side.ts';

/** A server that is just ending has let go of the file within that. */
const lockTimeoutMs = 1_000;

/**
 * Opens a SQLite file to be read as of one moment.
 *
 * @param alone keeps every other process out for as long as it is open: a server that answered
 *   meanwhile would acknowledge what the copy does not have
 * @throws ConfigurationError when that cannot be, with what to do
 */
export function openSqliteSide(path: string, { alone }: { readonly alone: boolean }): Side {
  assertCurrent(path);
  let database: Database.Database | undefined;
  try {
    database = new Database(path, {
      fileMustExist: true,
      readonly: !alone,
      timeout: lockTimeoutMs,
    });
    // With a write-ahead log, every process that has the file open holds a lock that this one wants alone.
    if (alone) database.pragma('locking_mode = EXCLUSIVE');
    database.exec(alone ? 'BEGIN IMMEDIATE' : 'BEGIN');
    return createSide(database);
  } catch (error) {
    database?.close();
    if (alone && isBusy(error)) {
      throw new ConfigurationError([
        'DATABASE_URL: another process has the database open. Stop the server first: what it writes meanwhile would be lost.',
      ]);
    }
    throw explainDatabaseError(error);
  }
}

function assertCurrent(path: string): void {
  const inspection = inspectDatabase(path);
  if (!inspection) throw new ConfigurationError(['DATABASE_URL: there is no database.']);
  inspection.close();
  if (inspection.pendingMigrations > 0) {
    throw new ConfigurationError([
      'DATABASE_URL: the database is of an older version. Bring it up to date with "npx latchkey migrate".',
    ]);
  }
}

function createSide(database: Database.Database): Side {
  const pages = new Map<CopiedTable, Database.Statement<[Key, number], unknown[]>>();

  function pageOf(table: CopiedTable): Database.Statement<[Key, number], unknown[]> {
    const prepared = pages.get(table);
    if (prepared) return prepared;
    const columns = table.columns.map(({ name }) => `"${name}"`).join(', ');
    const key = `"${table.key.column.name}"`;
    const page = database
      .prepare<[Key, number], unknown[]>(
        `SELECT ${columns} FROM "${table.name}" WHERE ${key} > ? ORDER BY ${key} LIMIT ?`,
      )
      .raw();
    pages.set(table, page);
    return page;
  }

  return {
    async count({ name }) {
      return Number(database.prepare(`SELECT count(*) FROM "${name}"`).pluck().get());
    },
    async read(table, after, limit) {
      return pageOf(table)
        .all(after, limit)
        .map((row) => valuesOf(table, row));
    },
    async close() {
      database.close();
    },
  };
}

function valuesOf({ columns }: CopiedTable, row: readonly unknown[]): Row {
  return columns.map(({ sqlite }, index) => {
    const value = row[index] ?? null;
    return value === null ? null : sqlite.mapFromDriverValue(value);
  });
}
