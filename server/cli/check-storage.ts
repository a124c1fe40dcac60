import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Environment } from '../config/environment.ts';
import { deriveKey, loadSecret, secretPathOf } from '../config/secret.ts';
import { databasePathOf } from '../config/settings.ts';
import type { Runtime } from '../runtime.ts';
import {
  inspectDatabase,
  isExposed,
  type DatabaseInspection,
} from '../store/sqlite/inspect-database.ts';
import { createSqliteStore, noAuditLinking } from '../store/sqlite/sqlite-store.ts';
import type { Store } from '../store/store.ts';
import { createKeyRing, signingAlgorithms } from '../tokens/key-ring.ts';
import { createSealer } from '../tokens/seal.ts';
import { check, fail, ok, warn, type Check, type Verdict } from './check.ts';

/** A clock that is corrected may jump back a little. */
const clockToleranceMs = 5_000;

/** The secret, the database and what is in it. */
export async function checkStorage(
  environment: Environment,
  runtime: Runtime,
): Promise<readonly Check[]> {
  return [
    ...(await check('secret', () => checkSecret(environment, runtime))),
    ...(await check('database', () => checkDatabase(environment, runtime))),
  ];
}

async function checkDatabase(
  environment: Environment,
  runtime: Runtime,
): Promise<Verdict | readonly Check[]> {
  const path = databasePathOf(environment.settings);
  if (path === ':memory:') {
    return warn('DATABASE_URL: in memory, so it ends with the process. Name a file to keep it.');
  }
  const inspection = inspectDatabase(path);
  if (!inspection) {
    return warn(`None at ${resolve(path)}. "npx latchkey migrate" or the first start makes it.`);
  }
  try {
    const file = await checkFile(inspection);
    // What is damaged, or of another version, says nothing to rely on.
    const isReadable = inspection.pendingMigrations === 0 && !hasFailed(file, 'integrity');
    return [
      { name: 'database', ...ok(resolve(path)) },
      ...file,
      ...(isReadable ? await checkContent(inspection, environment, runtime) : []),
    ];
  } finally {
    inspection.close();
  }
}

function hasFailed(checks: readonly Check[], name: string): boolean {
  return checks.some((check) => check.name === name && check.status === 'fail');
}

async function checkFile(inspection: DatabaseInspection): Promise<readonly Check[]> {
  const { exposedFiles, journalMode, pendingMigrations } = inspection;
  return [
    ...(await check('permissions', () =>
      exposedFiles.length === 0
        ? ok('Nobody but its owner may open it')
        : fail(`Others may open it. Run: chmod 600 ${exposedFiles.join(' ')}`),
    )),
    ...(await check('integrity', () => {
      const faults = inspection.findFaults();
      return faults.length === 0
        ? ok('SQLite finds no fault')
        : fail(`It is damaged. Restore it from a backup. ${faults.join('; ')}`);
    })),
    ...(await check('journal', () =>
      journalMode === 'wal'
        ? ok('Write-ahead log')
        : warn(`It is ${journalMode}. The next start makes it wal.`),
    )),
    ...(await check('migrations', () =>
      pendingMigrations === 0
        ? ok('All are applied')
        : warn(`${pendingMigrations} to apply. "npx latchkey migrate" or the next start does it.`),
    )),
  ];
}

async function checkContent(
  { database }: DatabaseInspection,
  environment: Environment,
  runtime: Runtime,
): Promise<readonly Check[]> {
  const store = createSqliteStore(database, runtime, noAuditLinking);
  return [
    ...(await check('keys', () => checkKeys(store, environment, runtime))),
    ...(await check('admin', () => checkAdmin(store))),
    ...(await check('clock', () => checkClock(store, runtime))),
  ];
}

function checkSecret(environment: Environment, runtime: Runtime): Verdict {
  if (environment.secret !== undefined) return ok('LATCHKEY_SECRET is set');
  const path = resolve(secretPathOf(databasePathOf(environment.settings)));
  if (!readSecret(environment, runtime)) {
    return warn('There is none yet. The first start makes it.');
  }
  if (isExposed(path)) return fail(`Others than its owner may read it. Run: chmod 600 ${path}`);
  return ok(path);
}

/** The secret, if there is one; to load one that is missing would make it. */
function readSecret(
  { settings, secret: configured }: Environment,
  runtime: Runtime,
): Uint8Array | null {
  const { production } = settings;
  const databasePath = databasePathOf(settings);
  if (configured === undefined && !existsSync(secretPathOf(databasePath))) return null;
  return loadSecret({ configured, databasePath, production, runtime }).secret;
}

async function checkKeys(
  store: Store,
  environment: Environment,
  runtime: Runtime,
): Promise<Verdict> {
  const records = await store.listSigningKeys();
  const active = records.find(({ status }) => status === 'active');
  if (!active) return warn('There are none yet. The first start makes them.');
  const secret = readSecret(environment, runtime);
  if (!secret) {
    return fail(
      'The secret they are encrypted with is missing. Set LATCHKEY_SECRET, or restore its file.',
    );
  }
  const algorithm = signingAlgorithms.find((name) => name === active.algorithm);
  if (!algorithm) {
    return fail(`They are for ${active.algorithm}, which this version does not know. Update it.`);
  }
  const { signingAlgorithm, accessTtlSeconds } = environment.settings;
  // With the algorithm that is there, the ring reads and makes nothing.
  const ring = createKeyRing({
    algorithm,
    tokenLifetimeMs: accessTtlSeconds * 1_000,
    store,
    sealer: createSealer(deriveKey(secret, 'seal'), runtime),
    runtime,
  });
  const { id } = await ring.activeKey();
  return algorithm === signingAlgorithm
    ? ok(`${id} signs with ${algorithm}`)
    : warn(`They are for ${algorithm}. The next start makes new ones for LATCHKEY_SIGNING_ALG.`);
}

async function checkAdmin(store: Store): Promise<Verdict> {
  const [admin] = await store.listUsers({ role: 'admin', status: 'active', limit: 1 });
  return admin
    ? ok('There is an active one')
    : warn('There is no active one. Make one with "npx latchkey user create --role=admin".');
}

async function checkClock(store: Store, runtime: Runtime): Promise<Verdict> {
  const [newest] = await store.listAuditEvents({ limit: 1 });
  const aheadMs = (newest?.at ?? 0) - runtime.now();
  return aheadMs <= clockToleranceMs
    ? ok(new Date(runtime.now()).toISOString())
    : fail(
        `The newest audit event is ${Math.round(aheadMs / 1_000)} s in the future. Set the clock of this machine.`,
      );
}
