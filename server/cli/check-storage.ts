import { resolve } from 'node:path';
import type { Environment } from '../config/environment.ts';
import { secretPathOf } from '../config/secret.ts';
import { isPostgres, secretPlaceOf } from '../config/settings.ts';
import type { Runtime } from '../runtime.ts';
import { isExposed } from '../store/sqlite/inspect-database.ts';
import { check, fail, ok, warn, type Check, type Verdict } from './check.ts';
import { readSecret } from './read-secret.ts';

/** The secret, the database and what is in it, and the Redis beside it. */
export async function checkStorage(
  environment: Environment,
  runtime: Runtime,
): Promise<readonly Check[]> {
  const { settings } = environment;
  const { redis } = settings;
  return [
    ...(await check('secret', () => checkSecret(environment, runtime))),
    ...(await check('database', async () =>
      isPostgres(settings)
        ? (await import('./check-postgres.ts')).checkPostgres(environment, runtime)
        : (await import('./check-sqlite.ts')).checkSqlite(environment, runtime),
    )),
    ...(redis === undefined ? [] : await (await import('./check-redis.ts')).checkRedis(redis)),
  ];
}

function checkSecret(environment: Environment, runtime: Runtime): Verdict {
  if (environment.secret !== undefined) return ok('LATCHKEY_SECRET is set');
  const path = resolve(secretPathOf(secretPlaceOf(environment.settings)));
  if (!readSecret(environment, runtime)) {
    return warn('There is none yet. The first start makes it.');
  }
  if (isExposed(path)) return fail(`Others than its owner may read it. Run: chmod 600 ${path}`);
  return ok(path);
}
