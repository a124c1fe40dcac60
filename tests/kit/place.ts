import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LatchkeyOptions } from '../../server/compose.ts';
import { mode } from './mode.ts';
import { makeNow, openStandIn, type StandIn } from './stand-in.ts';

/** Where a kit keeps its data: nobody else's, and gone with it. */
interface Place extends AsyncDisposable {
  readonly options: Pick<LatchkeyOptions, 'database' | 'databasePool' | 'redis' | 'secret'>;
}

/** More than the writers of a test that all wait for one lock; two files at once have to find room. */
export const poolSize = 10;

/** What stands for a file, by its path. */
const standIns = new Map<string, StandIn>();

/** @param options of a kit; one that names the same file has the same database */
export async function openPlace({ database, secret }: LatchkeyOptions): Promise<Place> {
  const path = database === ':memory:' ? null : (database ?? null);
  const shared = mode.redis === null ? {} : { redis: mode.redis };
  // A test that names another server means that one.
  if (mode.database !== null && !path?.startsWith('postgres:')) {
    const own = (path === null ? null : standIns.get(path)) ?? openStandIn(mode.database);
    if (path !== null) standIns.set(path, own);
    await own.isMade;
    const options = { database: own.url, databasePool: poolSize, secret: secret ?? own.secret };
    return {
      options: { ...options, ...shared },
      [Symbol.asyncDispose]: () => (path === null ? own.putBack() : keep()),
    };
  }
  if (path !== null) return { options: { database: path, ...shared }, [Symbol.asyncDispose]: keep };
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-kit-'));
  return {
    options: { database: `file:${join(folder, 'a.db')}`, ...shared },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Somebody may open it again; it goes with its folder. */
async function keep(): Promise<void> {}

/**
 * What a process is told that would use a file: a database that is empty the first time, and a
 * secret that is not kept beside a file.
 */
export function variablesOnPlace(
  variables: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const { DATABASE_URL: database = ':memory:' } = variables;
  const shared = mode.redis === null ? {} : { REDIS_URL: mode.redis };
  if (mode.database === null || !/^(file:|:memory:)/.test(database)) {
    return { ...shared, ...variables };
  }
  const own = standIns.get(database) ?? makeNow(mode.database);
  own.isStrange = true;
  if (database !== ':memory:') standIns.set(database, own);
  return {
    ...shared,
    // Production wants to be told; elsewhere one would be made, and kept beside the file.
    ...(variables['NODE_ENV'] === 'production' ? {} : { LATCHKEY_SECRET: own.secret }),
    ...variables,
    DATABASE_URL: own.url,
    DATABASE_POOL: String(poolSize),
  };
}

/** The URL of the database that stands for that file, where PostgreSQL does. */
export function standInOf(path: string): string | null {
  const own = standIns.get(`file:${path}`);
  if (!own) return null;
  own.isStrange = true;
  return own.url;
}

/** Gives back those of the files in a folder that goes. */
export async function forgetStandIns(folder: string): Promise<void> {
  for (const [path, own] of standIns) {
    if (!path.startsWith(`file:${folder}/`)) continue;
    standIns.delete(path);
    await own.putBack();
  }
}
