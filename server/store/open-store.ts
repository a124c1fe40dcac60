import type { Runtime } from '../runtime.ts';
import { loadPostgres } from './load-postgres.ts';
import type { AuditLinking, Store } from './store.ts';

/** What of PostgreSQL's pool others than the store may use, for tables of their own. */
export interface DatabasePool {
  query(
    query: string | { readonly text: string; readonly values?: unknown[] },
  ): Promise<{ readonly rows: readonly unknown[]; readonly rowCount: number | null }>;
}

/** A store that is ready, and what opening it did. */
export interface OpenedStore {
  readonly store: Store;
  /** That of PostgreSQL, which the store closes. */
  readonly pool: DatabasePool | null;
  /** By the database's time where processes of several machines share it. */
  readonly runtime: Runtime;
  readonly created: boolean;
  readonly migrationsApplied: number;
  /** Whether a pooler keeps a process from hearing of others: each call reads the database. */
  readonly isPooled: boolean;
  /** Resolves when everything is known here that other processes committed before it was called. */
  catchUp(): Promise<void>;
}

export interface OpenStoreOptions {
  /** `file:` and a path, `:memory:`, or the URL of a PostgreSQL database. */
  readonly database: string;
  /** Connections to PostgreSQL at most. */
  readonly databasePool: number;
  readonly runtime: Runtime;
  /** Whether its clock is the one to go by, even where the database has one. */
  readonly keepsTime?: boolean;
  readonly auditChain: AuditLinking;
  /** Another process has changed the signing keys, or may have. */
  onKeysChanged?(): void;
}

/**
 * Opens the database that is named and brings it to the current schema. The driver of the other
 * kind is not loaded.
 *
 * @throws ConfigurationError when it cannot be used, with what to do
 */
export function openStore(options: OpenStoreOptions): Promise<OpenedStore> {
  return /^postgres(ql)?:/.test(options.database) ? openPostgres(options) : openSqlite(options);
}

async function openSqlite({
  database,
  runtime,
  auditChain,
}: OpenStoreOptions): Promise<OpenedStore> {
  const [{ openDatabase }, { createSqliteStore }] = await Promise.all([
    import('./sqlite/open-database.ts'),
    import('./sqlite/sqlite-store.ts'),
  ]);
  const { database: opened, ...done } = await openDatabase(database.replace(/^file:/, ''), runtime);
  return {
    ...done,
    runtime,
    pool: null,
    isPooled: false,
    store: createSqliteStore(opened, runtime, auditChain),
    // SQLite is asked at every call whether anything has changed.
    catchUp: async () => {},
  };
}

async function openPostgres(options: OpenStoreOptions): Promise<OpenedStore> {
  const { database, databasePool, runtime, keepsTime = false, auditChain } = options;
  const { openPostgresStore } = await loadPostgres(
    () => import('./postgres/open-postgres-store.ts'),
  );
  return openPostgresStore({
    url: database,
    poolSize: databasePool,
    runtime,
    keepsTime,
    auditChain,
    onKeysChanged: () => options.onKeysChanged?.(),
  });
}
