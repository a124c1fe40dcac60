import { ConfigurationError } from '../config/configuration-error.ts';

/**
 * Loads files that need PostgreSQL's driver.
 *
 * @throws ConfigurationError when that is not installed
 */
export async function loadPostgres<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new ConfigurationError([
      'DATABASE_URL: PostgreSQL needs the package "pg", which is not installed. Run "npm install pg".',
    ]);
  }
}

function isMissing(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    (error.code === 'MODULE_NOT_FOUND' || error.code === 'ERR_MODULE_NOT_FOUND') &&
    /'pg'/.test(error.message)
  );
}
