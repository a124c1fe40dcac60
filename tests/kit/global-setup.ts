import { migrate } from '../../server/store/postgres/migrate.ts';
import { createDatabase, dropDatabases, urlOf, withClient } from './databases.ts';
import { mode } from './mode.ts';
import { beginRun, runPrefix, templateOf } from './run.ts';

/**
 * Where the suites run on PostgreSQL: a database with every migration, to copy from, and at the
 * end none that a test that was killed has left.
 */
export async function setup(): Promise<(() => Promise<void>) | undefined> {
  const server = mode.database;
  if (server === null) return undefined;
  beginRun();
  await dropDatabases(server, runPrefix());
  await createDatabase(server, templateOf());
  await withClient(urlOf(server, templateOf()), (client) => migrate(client));
  return () => dropDatabases(server, runPrefix());
}
