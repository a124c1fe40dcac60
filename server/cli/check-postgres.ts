import type { Environment } from '../config/environment.ts';
import type { Runtime } from '../runtime.ts';
import { loadPostgres } from '../store/load-postgres.ts';
import type { PostgresInspection } from '../store/postgres/inspect-database.ts';
import { checkContent, clockToleranceMs } from './check-content.ts';
import { check, fail, ok, warn, type Check } from './check.ts';
import { isLoopback } from './is-loopback.ts';

/** The oldest version that this is written for. */
const minMajorVersion = 13;
/** Beside its pool, a process listens on a connection. */
const connectionsBesidePool = 1;

/** A PostgreSQL database and what is in it. */
export async function checkPostgres(
  environment: Environment,
  runtime: Runtime,
): Promise<readonly Check[]> {
  const { database } = environment.settings;
  const { inspectPostgres } = await loadPostgres(
    () => import('../store/postgres/inspect-database.ts'),
  );
  const inspection = await inspectPostgres(database, runtime);
  try {
    const { version, majorVersion, pendingMigrations } = inspection;
    const { host, pathname } = new URL(database);
    // Servers go by the time of the database.
    const itsTime = { ...runtime, now: () => runtime.now() + inspection.clockAheadMs };
    const isReadable = pendingMigrations === 0 && inspection.missingRights.length === 0;
    return [
      ...(await check('database', () =>
        majorVersion >= minMajorVersion
          ? ok(`PostgreSQL ${version}, ${host}${pathname}`)
          : fail(`It is PostgreSQL ${version}. Wanted: ${minMajorVersion} or newer.`),
      )),
      ...(await checkServer(inspection, environment)),
      ...(isReadable ? await checkContent(inspection.store, environment, itsTime) : []),
    ];
  } finally {
    await inspection.close();
  }
}

async function checkServer(
  inspection: PostgresInspection,
  { settings, workers }: Environment,
): Promise<readonly Check[]> {
  const { isEncrypted, isPooled, pendingMigrations, missingRights, clockAheadMs } = inspection;
  const { hostname } = new URL(settings.database);
  return [
    ...(await check('tls', () => {
      if (isEncrypted) return ok('The connection is encrypted');
      return isLoopback(hostname)
        ? ok('Not needed on this machine')
        : warn(
            'The connection is not encrypted. Add sslmode=verify-full, with sslrootcert where the authority is your own.',
          );
    })),
    ...(isPooled
      ? await check('pooler', () =>
          warn(
            'It gives each transaction another connection, so each call reads the database. Name PostgreSQL itself, or set pool_mode = session.',
          ),
        )
      : []),
    ...(await check('migrations', () => {
      if (inspection.hasUnfinishedCopy) {
        return fail('A copy into it is not complete. Run the same "npx latchkey copy" again.');
      }
      return pendingMigrations === 0
        ? ok('All are applied')
        : warn(`${pendingMigrations} to apply. "npx latchkey migrate" or the next start does it.`);
    })),
    ...(await check('rights', () => {
      if (inspection.isReadOnly) {
        return fail('It may only be read. Name the primary server, or one that may be written to.');
      }
      if (missingRights.length > 0) {
        return fail(`This user lacks ${missingRights.join(', ')}. Grant it, or make it the owner.`);
      }
      return inspection.isSuperuser
        ? warn('This user may do everything on the server. One who owns this database is enough.')
        : ok('This user may write, and is no superuser');
    })),
    ...(await check('search', () =>
      inspection.hasSearchIndex || pendingMigrations > 0
        ? ok('Users are found by an index')
        : warn(
            'Each search of users reads all of them. Install pg_trgm and run: CREATE INDEX users_search ON users USING gin (search_text gin_trgm_ops)',
          ),
    )),
    ...(await check('connections', () => {
      const wanted = (settings.databasePool + connectionsBesidePool) * workers;
      const found = `${wanted} of ${inspection.maxConnections} at most for this machine`;
      return wanted <= inspection.maxConnections
        ? ok(found)
        : fail(`${found}. Set DATABASE_POOL or LATCHKEY_WORKERS lower, or max_connections higher.`);
    })),
    ...(await check('database-clock', () => {
      const seconds = Math.round(Math.abs(clockAheadMs) / 1_000);
      return Math.abs(clockAheadMs) <= clockToleranceMs
        ? ok('As this machine’s')
        : warn(
            `It is ${seconds} s ${clockAheadMs > 0 ? 'ahead of' : 'behind'} this machine’s, and counts. Set both by the same source.`,
          );
    })),
  ];
}
