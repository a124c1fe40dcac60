import type pg from 'pg';
import { ConfigurationError } from '../../config/configuration-error.ts';
import { explainDatabaseError } from '../explain-database-error.ts';
import { patientConfigOf } from '../postgres/connection.ts';
import { Client } from '../postgres/drizzle.ts';
import { findPendingMigrations, migrate } from '../postgres/migrate.ts';
import { isPooledByTransaction } from '../postgres/pooler.ts';
import type { CopyTarget } from './copy-target.ts';
import { createPostgresSide } from './postgres-side.ts';
import { createPostgresTarget } from './postgres-target.ts';
import type { Side } from './side.ts';

/**
 * Opens a PostgreSQL database for a copy to go into, and makes its tables where there are none.
 *
 * @param restart takes out what a copy has brought before, instead of going on with it
 * @throws ConfigurationError when it cannot be used, with what to do
 */
export async function openPostgresTarget(
  url: string,
  { restart }: { readonly restart: boolean },
): Promise<CopyTarget> {
  const { client, close } = await connect(url, async (connected) => {
    await migrate(connected);
    if (await isPooledByTransaction(connected, url)) {
      throw new ConfigurationError([
        'DATABASE_URL: a pooler answers there that gives each transaction another connection, and a copy has to keep its own. Name PostgreSQL itself, or set pool_mode = session.',
      ]);
    }
  });
  return { ...createPostgresTarget(client, { restart }), close };
}

/**
 * Opens a PostgreSQL database to be read as of one moment.
 *
 * @throws ConfigurationError when it cannot be used, with what to do
 */
export async function openPostgresSide(url: string): Promise<Side> {
  const { client, close } = await connect(url, async (connected) => {
    if ((await findPendingMigrations(connected)).length > 0) {
      throw new ConfigurationError([
        'DATABASE_URL: the database is of an older version. Bring it up to date with "npx latchkey migrate".',
      ]);
    }
    await connected.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  });
  return { ...createPostgresSide(client), close };
}

async function connect(
  url: string,
  prepare: (client: pg.Client) => Promise<void>,
): Promise<{ readonly client: pg.Client; close(): Promise<void> }> {
  let client: pg.Client | undefined;
  const close = async () => client?.end().catch(() => {});
  try {
    client = new Client(patientConfigOf(url));
    // One that is lost between two statements fails the next one.
    client.on('error', () => {});
    await client.connect();
    await prepare(client);
    return { client, close };
  } catch (error) {
    await close();
    throw explainDatabaseError(error);
  }
}
