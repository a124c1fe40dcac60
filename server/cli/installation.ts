import { existsSync } from 'node:fs';
import type { Actor } from '../audit/audit-event.ts';
import { ConfigurationError } from '../config/configuration-error.ts';
import { readEnvironment, type Environment } from '../config/environment.ts';
import { secretPathOf } from '../config/secret.ts';
import { databasePathOf } from '../config/settings.ts';
import { compose, type Composition } from '../latchkey.ts';
import { silentLogger } from '../logger.ts';
import type { Runtime } from '../runtime.ts';
import { inspectDatabase } from '../store/sqlite/inspect-database.ts';
import { openDatabase, type OpenedDatabase } from '../store/sqlite/open-database.ts';
import { createSqliteStore, noAuditLinking } from '../store/sqlite/sqlite-store.ts';
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
}: Pick<CommandParts, 'variables' | 'runtime'>): Promise<Omit<OpenedDatabase, 'database'>> {
  const path = databasePathOf(readEnvironment(variables).settings);
  const { database, ...done } = await openDatabase(path, runtime);
  database.close();
  return done;
}

/**
 * Opening makes what is missing: a database, a secret, keys of the configured algorithm.
 * On a server's first start that is wanted; in a shell it means that a variable is not set.
 */
async function assertReady({ settings, secret }: Environment, runtime: Runtime): Promise<void> {
  const path = databasePathOf(settings);
  const inspection = inspectDatabase(path);
  if (!inspection) {
    throw refuse('DATABASE_URL: there is no database. Set it as the server has it, or make one');
  }
  try {
    if (inspection.pendingMigrations > 0) {
      throw refuse('DATABASE_URL: the database is of an older version. Bring it up to date');
    }
    const keys = await createSqliteStore(
      inspection.database,
      runtime,
      noAuditLinking,
    ).listSigningKeys();
    const active = keys.find(({ status }) => status === 'active');
    if (active && secret === undefined && !existsSync(secretPathOf(path))) {
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
    inspection.close();
  }
}

function refuse(problem: string): ConfigurationError {
  return new ConfigurationError([`${problem} with "npx latchkey migrate".`]);
}
