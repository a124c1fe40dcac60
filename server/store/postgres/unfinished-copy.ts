import type { ClientBase } from 'pg';
import { ConfigurationError } from '../../config/configuration-error.ts';

/** Stands in a database from the first row of a copy to the last look at it. */
export const copyProgressTable = 'copy_progress';

/** Whether a copy into this database has begun and not come to its end. */
export async function hasUnfinishedCopy(client: ClientBase): Promise<boolean> {
  const { rows } = await client.query('SELECT 1 WHERE to_regclass($1) IS NOT NULL', [
    copyProgressTable,
  ]);
  return rows.length > 0;
}

/**
 * Keeps a server from serving a part of what there is.
 *
 * @throws ConfigurationError
 */
export async function assertNoUnfinishedCopy(client: ClientBase): Promise<void> {
  if (!(await hasUnfinishedCopy(client))) return;
  throw new ConfigurationError([
    'DATABASE_URL: a copy into the database is not complete. Run the same "npx latchkey copy" again, which goes on where it was.',
  ]);
}
