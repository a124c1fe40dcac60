import { closeSync, chmodSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { readMigrationFiles, type MigrationMeta } from 'drizzle-orm/migrator';
import { ConfigurationError } from '../../config/configuration-error.ts';
import type { Runtime } from '../../runtime.ts';
import { isBusy, sqliteCodeOf } from './sqlite-error.ts';

/** The first version without the WAL-reset bug, which could damage a shared file. */
const minSqliteVersion = [3, 51, 3] as const;

/** A lock is waited for asynchronously: SQLite's own wait would stop the event loop. */
const busyTimeoutMs = 2;
const startLockDeadlineMs = 30_000;

const migrationsFolder = fileURLToPath(new URL('../../../drizzle/sqlite', import.meta.url));

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
 * @throws ConfigurationError when the file cannot be used, with what to do
 */
export async function openDatabase(path: string, runtime: Runtime): Promise<OpenedDatabase> {
  const created = path !== ':memory:' && !existsSync(path);
  let database: Database.Database | undefined;
  try {
    if (path !== ':memory:') {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      // SQLite gives its WAL and shared-memory files the mode of this one.
      closeSync(openSync(path, 'a', 0o600));
      chmodSync(path, 0o600);
    }
    const opened = new Database(path, { timeout: busyTimeoutMs });
    database = opened;
    assertSqliteVersion(opened);
    const migrationsApplied = await untilUnlocked(runtime, () => {
      opened.pragma('journal_mode = WAL');
      opened.pragma('synchronous = FULL');
      opened.pragma('foreign_keys = ON');
      opened.pragma('trusted_schema = OFF');
      return applyMigrations(opened);
    });
    return { database: opened, created, migrationsApplied };
  } catch (error) {
    database?.close();
    throw error instanceof ConfigurationError ? error : explainDatabaseError(error);
  }
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
function applyMigrations(database: Database.Database): number {
  const apply = database.transaction(() => {
    database.exec(
      'CREATE TABLE IF NOT EXISTS __drizzle_migrations (id INTEGER PRIMARY KEY, hash text NOT NULL, created_at numeric)',
    );
    const pending = findPendingMigrations(database);
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
export function findPendingMigrations(database: Database.Database): MigrationMeta[] {
  const migrations = readMigrationFiles({ migrationsFolder });
  const hasJournal = database
    .prepare("SELECT 1 FROM sqlite_schema WHERE name = '__drizzle_migrations'")
    .get();
  if (!hasJournal) return migrations;
  const newest = database
    .prepare<[], { at: number | null }>('SELECT max(created_at) AS at FROM __drizzle_migrations')
    .get();
  const appliedUpTo = Number(newest?.at ?? 0);
  const known = migrations.at(-1)?.folderMillis ?? 0;
  if (appliedUpTo > known) {
    throw new ConfigurationError([
      'DATABASE_URL: the database was made by a newer version of Latchkey. Install that version, or restore a backup made by this one.',
    ]);
  }
  return migrations.filter((migration) => migration.folderMillis > appliedUpTo);
}

/** @throws ConfigurationError when the SQLite of better-sqlite3 is too old */
export function assertSqliteVersion(database: Database.Database): void {
  const row = database.prepare<[], { version: string }>('SELECT sqlite_version() AS version').get();
  const version = (row?.version ?? '0').split('.').map(Number);
  for (const [index, wanted] of minSqliteVersion.entries()) {
    const found = version[index] ?? 0;
    if (found > wanted) return;
    if (found < wanted) {
      throw new ConfigurationError([
        `better-sqlite3: its SQLite is ${row?.version}, older than ${minSqliteVersion.join('.')}, which may damage a database shared by two processes. Update better-sqlite3.`,
      ]);
    }
  }
}

const explanations: Readonly<Record<string, string>> = {
  SQLITE_BUSY:
    'another process holds a lock on the database. Stop that process, or wait until it is done',
  SQLITE_CANTOPEN: 'the file cannot be opened. Check that its folder exists and may be written to',
  SQLITE_CORRUPT: 'the database is damaged. Restore it from a backup',
  SQLITE_FULL: 'the disk is full. Free some space',
  SQLITE_NOTADB: 'the file is not a SQLite database. Name another file, or restore a backup',
  SQLITE_READONLY: 'the database may only be read. Give this user the right to write to it',
  EACCES: 'this user may not open the file. Give it the right to, or name another file',
  EISDIR: 'this is a folder. Name a file',
  ENOSPC: 'the disk is full. Free some space',
  ENOTDIR: 'a part of the path is not a folder. Name another file',
  EROFS: 'the file system may only be read. Name a file on another one',
};

/** What to do when the file cannot be used, as a ConfigurationError; another error as it is. */
export function explainDatabaseError(error: unknown): unknown {
  const code = sqliteCodeOf(error) ?? (error as NodeJS.ErrnoException | null)?.code ?? '';
  const explanation =
    explanations[code] ?? explanations[code.split('_').slice(0, 2).join('_')] ?? undefined;
  if (explanation === undefined) return error;
  return new ConfigurationError([`DATABASE_URL: ${explanation}.`], { cause: error });
}
