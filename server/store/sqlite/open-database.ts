import { accessSync, chmodSync, closeSync, constants, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import type { MigrationMeta } from 'drizzle-orm/migrator';
import { ConfigurationError } from '../../config/configuration-error.ts';
import type { Runtime } from '../../runtime.ts';
import { explainDatabaseError } from '../explain-database-error.ts';
import { readMigrationFiles } from './drizzle.ts';
import { makeFolders } from './make-folders.ts';
import { isBusy } from './sqlite-error.ts';

/** The first version without the WAL-reset bug, which could damage a shared file. */
const minSqliteVersion = [3, 51, 3] as const;

/** A lock is waited for asynchronously: SQLite's own wait would stop the event loop. */
const busyTimeoutMs = 2;
/** A process that cannot start says so within five seconds. */
const startLockDeadlineMs = 2_000;

const ownMigrationsFolder = fileURLToPath(new URL('../../../drizzle/sqlite', import.meta.url));

/** What opening did, for the start screen. */
export interface OpenedDatabase {
  readonly database: Database.Database;
  readonly created: boolean;
  readonly migrationsApplied: number;
}

/**
 * Opens the file, creates it (mode 0600) if it is missing, and brings it to the
 * current schema. Any number of processes may do so at once.
 *
 * @param path a file, or `:memory:`
 * @param migrationsFolder of the migrations that Latchkey brings, by default
 * @throws ConfigurationError when the file cannot be used, with what to do
 */
export async function openDatabase(
  path: string,
  runtime: Runtime,
  migrationsFolder: string = ownMigrationsFolder,
): Promise<OpenedDatabase> {
  let database: Database.Database | undefined;
  let modeBefore: number | null = null;
  try {
    modeBefore = path === ':memory:' ? null : prepareFile(path);
    const created = path !== ':memory:' && modeBefore === null;
    const opened = new Database(path, { timeout: busyTimeoutMs });
    database = opened;
    // Whatever the statement, preparing one reads the schema and may find the file locked.
    const migrationsApplied = await untilUnlocked(runtime, () => {
      assertSqliteVersion(sqliteVersionOf(opened));
      opened.pragma('journal_mode = WAL');
      opened.pragma('synchronous = FULL');
      opened.pragma('trusted_schema = OFF');
      // A migration that rebuilds a table drops the old one, and with foreign keys on
      // that would do to whatever refers to it what deleting its rows does.
      opened.pragma('foreign_keys = OFF');
      const applied = applyMigrations(opened, migrationsFolder);
      opened.pragma('foreign_keys = ON');
      return applied;
    });
    return { database: opened, created, migrationsApplied };
  } catch (error) {
    database?.close();
    // It is somebody else's file: it stays as it was.
    if (modeBefore !== null && codeOf(error) === 'SQLITE_NOTADB') chmodSync(path, modeBefore);
    throw error instanceof ConfigurationError ? error : explainDatabaseError(error);
  }
}

/**
 * Makes the file, or sees to it that nobody else may read it.
 *
 * @returns the mode that it had; `null` if it was made by this call, and by no other process
 */
function prepareFile(path: string): number | null {
  makeFolders(dirname(path));
  try {
    // SQLite gives its WAL and shared-memory files the mode of this one.
    closeSync(openSync(path, 'wx', 0o600));
    return null;
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
  // A file that exists is not opened here: closing it again would let go of every lock
  // that another connection of this process has on it (POSIX fcntl).
  const found = statSync(path);
  if (found.isDirectory()) {
    throw Object.assign(new Error('The path is a folder.'), { code: 'EISDIR' });
  }
  accessSync(path, constants.R_OK | constants.W_OK);
  chmodSync(path, 0o600);
  return found.mode & 0o777;
}

async function untilUnlocked<T>(runtime: Runtime, work: () => T): Promise<T> {
  const attempts = startLockDeadlineMs / 50;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || attempt >= attempts) throw error;
    }
    await runtime.delay(50);
  }
}

/** Writes drizzle's own journal table, so that its tools can read what was applied. */
function applyMigrations(database: Database.Database, migrationsFolder: string): number {
  const apply = database.transaction(() => {
    database.exec(
      'CREATE TABLE IF NOT EXISTS __drizzle_migrations (id INTEGER PRIMARY KEY, hash text NOT NULL, created_at numeric)',
    );
    const pending = findPendingMigrations(database, migrationsFolder);
    for (const migration of pending) {
      for (const statement of migration.sql) database.exec(statement);
      database
        .prepare('INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?, ?)')
        .run(migration.hash, migration.folderMillis);
    }
    return pending.length;
  });
  return apply.immediate();
}

/**
 * The migrations that a database does not have yet, in their order.
 *
 * @throws ConfigurationError when it has some that this version does not know
 */
export function findPendingMigrations(
  database: Database.Database,
  migrationsFolder: string = ownMigrationsFolder,
): MigrationMeta[] {
  const migrations = readMigrationFiles({ migrationsFolder });
  const hasJournal = database
    .prepare("SELECT 1 FROM sqlite_schema WHERE name = '__drizzle_migrations'")
    .get();
  if (!hasJournal) return migrations;
  const newest = database
    .prepare<[], { at: number | null }>('SELECT max(created_at) AS at FROM __drizzle_migrations')
    .get();
  const appliedUpTo = newest?.at ?? 0;
  const known = migrations.at(-1)?.folderMillis ?? 0;
  if (appliedUpTo > known) {
    throw new ConfigurationError([
      'DATABASE_URL: the database was made by a newer version of Latchkey. Install that version, or restore a backup made by this one.',
    ]);
  }
  return migrations.filter((migration) => migration.folderMillis > appliedUpTo);
}

/** The version of the SQLite that better-sqlite3 brings. */
export function sqliteVersionOf(database: Database.Database): string {
  const row = database.prepare<[], { version: string }>('SELECT sqlite_version() AS version').get();
  return row?.version ?? 'unknown';
}

/** @throws ConfigurationError for a version that is not to be trusted with a shared file */
export function assertSqliteVersion(version: string): void {
  const parts = version.split('.').map(Number);
  for (const [index, wanted] of minSqliteVersion.entries()) {
    const found = parts[index] ?? 0;
    if (found > wanted) return;
    if (!(found >= wanted)) {
      throw new ConfigurationError([
        `better-sqlite3: its SQLite is ${version}, older than ${minSqliteVersion.join('.')}, which may damage a database shared by two processes. Update better-sqlite3.`,
      ]);
    }
  }
}

function codeOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}
