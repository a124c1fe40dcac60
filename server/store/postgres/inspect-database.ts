import type pg from 'pg';
import type { Runtime } from '../../runtime.ts';
import { explainDatabaseError } from '../explain-database-error.ts';
import { noAuditLinking } from '../no-audit-linking.ts';
import type { Store } from '../store.ts';
import { patientConfigOf } from './connection.ts';
import { Client } from './drizzle.ts';
import { findPendingMigrations, hasJournal } from './migrate.ts';
import { createPool } from './open-database.ts';
import { isPooledByTransaction } from './pooler.ts';
import { createPostgresStore } from './postgres-store.ts';
import { hasUnfinishedCopy } from './unfinished-copy.ts';

/** A PostgreSQL database as it is found. */
export interface PostgresInspection {
  /** Such as `15.14`. */
  readonly version: string;
  readonly majorVersion: number;
  /** Whether nobody between this process and the server can read along. */
  readonly isEncrypted: boolean;
  /** Whether a pooler gives each transaction another connection of the server. */
  readonly isPooled: boolean;
  /** Nothing of Latchkey's was made in it yet. */
  readonly isEmpty: boolean;
  /** How many migrations it lacks. Only without any can it be read through the store. */
  readonly pendingMigrations: number;
  readonly hasUnfinishedCopy: boolean;
  /** A replica, or made so by its owner. */
  readonly isReadOnly: boolean;
  /** What this user may not do, such as `INSERT on users`. */
  readonly missingRights: readonly string[];
  readonly isSuperuser: boolean;
  /** Whether a search of users has an index to look in. */
  readonly hasSearchIndex: boolean;
  /** By how much its clock is ahead of this machine's. */
  readonly clockAheadMs: number;
  /** Connections that it has for users like this one, all of its databases together. */
  readonly maxConnections: number;
  /** To be read through, where no migration is pending. */
  readonly store: Store;
  close(): Promise<void>;
}

const tables = ['users', 'sessions', 'signing_keys', 'audit_events', 'audit_head', 'rate_limits'];
const rightsWanted = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'];

const noMemory = {
  recall: () => undefined,
  remember: <T>(_sessionId: string, read: () => Promise<T>) => read(),
  forget() {},
  forgetUser() {},
};

/**
 * Looks at a database and changes nothing.
 *
 * @throws ConfigurationError when it cannot be used, with what to do
 */
export async function inspectPostgres(url: string, runtime: Runtime): Promise<PostgresInspection> {
  let client: pg.Client | undefined;
  try {
    client = new Client(patientConfigOf(url));
    // One that is lost between two statements fails the next one.
    client.on('error', () => {});
    await client.connect();
    const missingRights = await findMissingRights(client);
    const mayRead = missingRights.length === 0;
    const pendingMigrations = mayRead ? (await findPendingMigrations(client)).length : 0;
    const isPooled = await isPooledByTransaction(client, url);
    const pool = createPool({ ...patientConfigOf(url), max: 1 }, isPooled);
    return {
      isPooled,
      ...(await readServer(client, runtime)),
      isEncrypted: isEncrypted(client),
      isEmpty: !(await hasJournal(client)),
      pendingMigrations,
      hasUnfinishedCopy: await hasUnfinishedCopy(client),
      missingRights,
      store: createPostgresStore({ pool, runtime, auditChain: noAuditLinking, memory: noMemory }),
      close: () => pool.end(),
    };
  } catch (error) {
    throw explainDatabaseError(error);
  } finally {
    await client?.end().catch(() => {});
  }
}

type OfServer = Pick<
  PostgresInspection,
  | 'version'
  | 'majorVersion'
  | 'isReadOnly'
  | 'isSuperuser'
  | 'hasSearchIndex'
  | 'clockAheadMs'
  | 'maxConnections'
>;

async function readServer(client: pg.Client, runtime: Runtime): Promise<OfServer> {
  const askedAt = runtime.now();
  const { rows } = await client.query<{
    version: string;
    number: number;
    isReadOnly: boolean;
    isSuperuser: boolean;
    hasSearchIndex: boolean;
    now: number;
    connections: number;
    reserved: number;
  }>(
    `SELECT current_setting('server_version') AS version,
       current_setting('server_version_num')::int AS number,
       current_setting('transaction_read_only') = 'on' AS "isReadOnly",
       current_setting('is_superuser') = 'on' AS "isSuperuser",
       to_regclass('users_search') IS NOT NULL AS "hasSearchIndex",
       (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now,
       current_setting('max_connections')::int AS connections,
       current_setting('superuser_reserved_connections')::int AS reserved`,
  );
  const answeredAt = runtime.now();
  const [row] = rows;
  if (!row) throw new Error('The server says nothing of itself.');
  return {
    version: row.version,
    majorVersion: Math.floor(row.number / 10_000),
    isReadOnly: row.isReadOnly,
    isSuperuser: row.isSuperuser,
    hasSearchIndex: row.hasSearchIndex,
    clockAheadMs: row.now - (askedAt + answeredAt) / 2,
    maxConnections: row.connections - row.reserved,
  };
}

function isEncrypted(client: pg.Client): boolean {
  // Of the driver, and not in its types.
  const { connection } = client as pg.Client & {
    readonly connection: { readonly stream: { readonly encrypted?: true } };
  };
  return connection.stream.encrypted === true;
}

async function findMissingRights(client: pg.Client): Promise<readonly string[]> {
  if (!(await hasJournal(client))) {
    const { rows } = await client.query<{ may: boolean | null }>(
      "SELECT has_schema_privilege(current_schema(), 'CREATE') AS may",
    );
    return rows[0]?.may === true ? [] : ['CREATE in the schema'];
  }
  const { rows } = await client.query<{ missing: string }>(
    `SELECT wanted || ' on ' || name AS missing
     FROM unnest($1::text[]) AS name, unnest($2::text[]) AS wanted
     WHERE to_regclass(name) IS NOT NULL AND NOT has_table_privilege(to_regclass(name), wanted)
     UNION ALL
     SELECT 'SELECT on __drizzle_migrations'
     WHERE NOT has_table_privilege('__drizzle_migrations', 'SELECT')`,
    [tables, rightsWanted],
  );
  return rows.map(({ missing }) => missing);
}
