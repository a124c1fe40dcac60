import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Client } from 'pg';
import { standInOf } from '../kit/place.ts';

const script = `
  const { DatabaseSync } = require('node:sqlite');
  const database = new DatabaseSync(process.argv[1]);
  database.exec('BEGIN IMMEDIATE');
  process.stdout.write('locked');
  process.stdin.resume().on('end', () => {
    database.exec('ROLLBACK');
    database.close();
  });
`;

/** A lock on a database, which whoever only reads does not notice. */
interface HeldLock {
  release(): Promise<void>;
}

/**
 * Holds the write lock of a database from another process. It has to be one: locks
 * of a file are its process's, and two copies of SQLite in one would not meet.
 */
export async function holdLock(path: string): Promise<HeldLock> {
  const url = standInOf(path);
  if (url !== null) return lockTables(url);
  const holder = spawn(process.execPath, ['--no-warnings', '-e', script, path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(holder, 'close');
  await Promise.race([
    once(holder.stdout, 'data'),
    ended.then(() => {
      throw new Error('The lock could not be taken.');
    }),
  ]);
  return {
    async release() {
      holder.stdin.end();
      await ended;
    },
  };
}

/** The same on PostgreSQL: every table, against all who write or lock a row. */
async function lockTables(url: string): Promise<HeldLock> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ names: string }>(
    "SELECT string_agg(quote_ident(tablename), ', ') AS names FROM pg_tables WHERE schemaname = 'public'",
  );
  await client.query('BEGIN');
  await client.query(`LOCK TABLE ${rows[0]?.names ?? ''} IN EXCLUSIVE MODE`);
  return { release: () => client.end() };
}
