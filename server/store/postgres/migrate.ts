import { fileURLToPath } from 'node:url';
import type { MigrationMeta } from 'drizzle-orm/migrator';
import type { Client } from 'pg';
import { ConfigurationError } from '../../config/configuration-error.ts';
import { readMigrationFiles } from './drizzle.ts';

/** Of those who migrate at once, one does, and the others wait and find it done. */
const migrationLock = 7_235_000;
/** A large index may take its time. */
const lockTimeout = '60s';

const ownMigrationsFolder = fileURLToPath(new URL('../../../drizzle/postgres', import.meta.url));

export interface Migrated {
  /** Whether there was nothing before. */
  readonly created: boolean;
  readonly migrationsApplied: number;
}

/**
 * Brings the database to the current schema, all of it or nothing. Any number of processes may do
 * so at once.
 *
 * @param migrationsFolder of the migrations that Latchkey brings, by default
 * @throws ConfigurationError for a database of a newer version
 */
export async function migrate(
  client: Client,
  migrationsFolder: string = ownMigrationsFolder,
): Promise<Migrated> {
  // Where nothing is missing, no right to make anything is needed, and nobody waits.
  const missing = await findPendingMigrations(client, migrationsFolder);
  if (missing.length === 0) return { created: false, migrationsApplied: 0 };
  await client.query('BEGIN');
  await client.query(`SET LOCAL lock_timeout = '${lockTimeout}'`);
  await client.query('SET LOCAL statement_timeout = 0');
  await client.query('SELECT pg_advisory_xact_lock($1)', [migrationLock]);
  // Drizzle's own journal table, so that its tools can read what was applied.
  await client.query(
    'CREATE TABLE IF NOT EXISTS __drizzle_migrations (id serial PRIMARY KEY, hash text NOT NULL, created_at bigint)',
  );
  const migrations = readMigrationFiles({ migrationsFolder });
  const pending = await readJournal(client, migrations);
  for (const { sql, hash, folderMillis } of pending) {
    for (const statement of sql) await client.query(statement);
    await client.query('INSERT INTO __drizzle_migrations (hash, created_at) VALUES ($1, $2)', [
      hash,
      folderMillis,
    ]);
  }
  await client.query('COMMIT');
  return { created: pending.length === migrations.length, migrationsApplied: pending.length };
}

/**
 * The migrations that a database does not have yet, in their order.
 *
 * @throws ConfigurationError when it has some that this version does not know
 */
export async function findPendingMigrations(
  client: Client,
  migrationsFolder: string = ownMigrationsFolder,
): Promise<readonly MigrationMeta[]> {
  const migrations = readMigrationFiles({ migrationsFolder });
  // A name that was looked up in vain may stay unknown to the connection while another process
  // makes it; whoever has to be sure holds the lock and reads the journal.
  return (await hasJournal(client)) ? readJournal(client, migrations) : migrations;
}

async function readJournal(
  client: Client,
  migrations: readonly MigrationMeta[],
): Promise<readonly MigrationMeta[]> {
  const { rows } = await client.query<{ at: string | null }>(
    'SELECT max(created_at) AS at FROM __drizzle_migrations',
  );
  const appliedUpTo = Number(rows[0]?.at ?? 0);
  const known = migrations.at(-1)?.folderMillis ?? 0;
  if (appliedUpTo > known) {
    throw new ConfigurationError([
      'DATABASE_URL: the database was made by a newer version of Latchkey. Install that version, or restore a backup made by this one.',
    ]);
  }
  return migrations.filter((migration) => migration.folderMillis > appliedUpTo);
}

/** Whether migrations were ever applied. */
export async function hasJournal(client: Client): Promise<boolean> {
  const { rows } = await client.query(
    "SELECT 1 WHERE to_regclass('__drizzle_migrations') IS NOT NULL",
  );
  return rows.length > 0;
}
