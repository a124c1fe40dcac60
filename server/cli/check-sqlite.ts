import { resolve } from 'node:path';
import type { Environment } from '../config/environment.ts';
import { databasePathOf } from '../config/settings.ts';
import type { Runtime } from '../runtime.ts';
import { noAuditLinking } from '../store/no-audit-linking.ts';
import { inspectDatabase, type DatabaseInspection } from '../store/sqlite/inspect-database.ts';
import { createSqliteStore } from '../store/sqlite/sqlite-store.ts';
import type { Store } from '../store/store.ts';
import { checkContent } from './check-content.ts';
import { check, fail, ok, warn, type Check, type Verdict } from './check.ts';

/** A SQLite file and what is in it. */
export async function checkSqlite(
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
      ...(isReadable ? await checkContent(storeOf(inspection, runtime), environment, runtime) : []),
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

function storeOf({ database }: DatabaseInspection, runtime: Runtime): Store {
  return createSqliteStore(database, runtime, noAuditLinking);
}
