import type * as pg from 'pg';
import { explainDatabaseError } from '../explain-database-error.ts';
import { configOf, patientConfigOf } from './connection.ts';
import { Client, Pool } from './drizzle.ts';
import { migrate, type Migrated } from './migrate.ts';
import { isPooledByTransaction, UnnamedClient } from './pooler.ts';
import { canTell } from './tell.ts';
import { assertNoUnfinishedCopy } from './unfinished-copy.ts';

/** What opening did, for the start screen. */
export interface OpenedPool extends Migrated {
  readonly pool: pg.Pool;
  /** Whether changes are told; else other processes look at every call. */
  readonly canTell: boolean;
  /** Whether a pooler gives each transaction another connection: then nothing is heard. */
  readonly isPooled: boolean;
}

/**
 * Connects to the database, and brings it to the current schema. Any number of processes may do so
 * at once.
 *
 * @param poolSize connections at most
 * @param migrationsFolder of the migrations that Latchkey brings, by default
 * @throws ConfigurationError when the database cannot be used, with what to do
 */
export async function openPool(
  url: string,
  poolSize: number,
  migrationsFolder?: string,
): Promise<OpenedPool> {
  const done = await connectAndMigrate(url, migrationsFolder);
  return { pool: createPool({ ...configOf(url), max: poolSize }, done.isPooled), ...done };
}

/** @param isPooled whether a pooler gives each transaction another connection */
export function createPool(config: pg.PoolConfig, isPooled: boolean): pg.Pool {
  const pool = new Pool({ ...config, ...(isPooled ? { Client: UnnamedClient } : {}) });
  // An idle connection that is lost says so here, and is gone; the next call makes another.
  pool.on('error', () => {});
  // One that is lost just when it is handed out fails the next statement, and ends no process.
  pool.on('connect', (client) => void client.on('error', () => {}));
  return pool;
}

async function connectAndMigrate(
  url: string,
  migrationsFolder?: string,
): Promise<Omit<OpenedPool, 'pool'>> {
  let client: pg.Client | undefined;
  try {
    client = new Client(patientConfigOf(url));
    // One that is lost between two statements fails the next one.
    client.on('error', () => {});
    await client.connect();
    const migrated = await migrate(client, migrationsFolder);
    await assertNoUnfinishedCopy(client);
    return {
      ...migrated,
      canTell: await canTell(client),
      isPooled: await isPooledByTransaction(client, url),
    };
  } catch (error) {
    throw explainDatabaseError(error);
  } finally {
    await client?.end().catch(() => {});
  }
}
