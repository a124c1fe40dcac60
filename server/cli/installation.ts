import { existsSync } from 'node:fs';
import type { Actor } from '../audit/audit-event.ts';
import { compose, type Composition } from '../compose.ts';
import { ConfigurationError } from '../config/configuration-error.ts';
import { readEnvironment, type Environment } from '../config/environment.ts';
import { secretPathOf } from '../config/secret.ts';
import { databasePathOf, isPostgres, secretPlaceOf, type Settings } from '../config/settings.ts';
import { silentLogger } from '../logger.ts';
import type { Runtime } from '../runtime.ts';
import { loadPostgres } from '../store/load-postgres.ts';
import { noAuditLinking } from '../store/no-audit-linking.ts';
import { openStore, type OpenedStore } from '../store/open-store.ts';
import { inspectDatabase } from '../store/sqlite/inspect-database.ts';
import { createSqliteStore } from '../store/sqlite/sqlite-store.ts';
import type { Store } from '../store/store.ts';
import type { CommandParts } from './command-parts.ts';

/** Whoever may run commands on this machine. The audit log shows it by the user agent. */
export const operator: Actor = {
  userId: null,
  sessionId: null,
  ip: null,
  userAgent: 'latchkey command line',
};

/**
 * Does something with the installation that the environment names.
 *
 * @throws ConfigurationError when there is none yet, or the environment is not the server's
 */
export async function withInstallation(
  { variables, runtime }: Pick<CommandParts, 'variables' | 'runtime'>,
  work: (composition: Composition) => Promise<void>,
): Promise<void> {
  const environment = readEnvironment(variables);
  await assertReady(environment, runtime);
  const { settings, secret } = environment;
  const composition = await compose({
    ...settings,
    allowedOrigins: [...settings.allowedOrigins],
    secret,
    runtime,
    logger: silentLogger,
  });
  try {
    await work(composition);
  } finally {
    await composition.close();
  }
}

/**
 * Makes the database or brings it to the current schema.
 *
 * @throws ConfigurationError
 */
export async function migrate({
  variables,
  runtime,
}: Pick<CommandParts, 'variables' | 'runtime'>): Promise<
  Pick<OpenedStore, 'created' | 'migrationsApplied'>
> {
  const { database, databasePool } = readEnvironment(variables).settings;
  const auditChain = noAuditLinking;
  const { store, ...done } = await openStore({ database, databasePool, runtime, auditChain });
  await store.close();
  return done;
}

/**
 * Opening makes what is missing: a database, a secret, keys of the configured algorithm.
 * On a server's first start that is wanted; in a shell it means that a variable is not set.
 */
async function assertReady({ settings, secret }: Environment, runtime: Runtime): Promise<void> {
  const found = await inspectStore(settings, runtime);
  if (!found) {
    throw refuse('DATABASE_URL: there is no database. Set it as the server has it, or make one');
  }
  try {
    if (found.pendingMigrations > 0) {
      throw refuse('DATABASE_URL: the database is of an older version. Bring it up to date');
    }
    const keys = await found.store.listSigningKeys();
    const active = keys.find(({ status }) => status === 'active');
    if (active && secret === undefined && !existsSync(secretPathOf(secretPlaceOf(settings)))) {
      throw new ConfigurationError([
        'LATCHKEY_SECRET: not set, and there is none beside the database. Set it as the server has it.',
      ]);
    }
    if (active && active.algorithm !== settings.signingAlgorithm) {
      throw new ConfigurationError([
        `LATCHKEY_SIGNING_ALG: the keys of the database are for ${active.algorithm}. Set it as the server has it.`,
      ]);
    }
  } finally {
    await found.close();
  }
}

/** A database as it is found. Nothing is made, and the store is there to be read. */
interface Found {
  readonly pendingMigrations: number;
  readonly store: Store;
  close(): void | Promise<void>;
}

/** @returns `null` when there is none, or nothing in it */
async function inspectStore(settings: Settings, runtime: Runtime): Promise<Found | null> {
  if (isPostgres(settings)) {
    const { inspectPostgres } = await loadPostgres(
      () => import('../store/postgres/inspect-database.ts'),
    );
    const inspection = await inspectPostgres(settings.database, runtime);
    if (!inspection.isEmpty) return inspection;
    await inspection.close();
    return null;
  }
  const inspection = inspectDatabase(databasePathOf(settings));
  return (
    inspection && {
      ...inspection,
      store: createSqliteStore(inspection.database, runtime, noAuditLinking),
    }
  );
}

function refuse(problem: string): ConfigurationError {
  return new ConfigurationError([`${problem} with "npx latchkey migrate".`]);
}
