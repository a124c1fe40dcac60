import { print } from './print.ts';

/**
 * What the contract, attack and fault suites run on: SQLite and one Latchkey unless the
 * environment says otherwise. Nothing but `tests/` reads these.
 */
export const mode = {
  /** Any database of a PostgreSQL server where this user may make others, as a URL. */
  database: process.env['LATCHKEY_TEST_DATABASE'] || null,
  /** A Redis, of which each kit uses keys of its own. */
  redis: process.env['LATCHKEY_TEST_REDIS'] || null,
  /** So many Latchkeys on each database; each call meets the next one. */
  instances: readInstances(),
} as const;

/** Whether several Latchkeys count as one against a limit. */
export const areLimitsShared = mode.database !== null || mode.redis !== null;

function readInstances(): number {
  const value = Number(process.env['LATCHKEY_TEST_INSTANCES'] || 1);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new Error('LATCHKEY_TEST_INSTANCES: not valid. Wanted: a whole number from 1.');
  }
  return value;
}

const ofDatabase = mode.database === null ? [] : ['LATCHKEY_TEST_DATABASE'];
const ofRedis = mode.redis === null ? [] : ['LATCHKEY_TEST_REDIS'];
const ofInstances = mode.instances === 1 ? [] : ['LATCHKEY_TEST_INSTANCES'];

/** What a test may be about, and the variables that stand in its way. */
const obstacles = {
  "SQLite's file": ofDatabase,
  'the one connection to a file': [...ofDatabase, ...ofInstances],
  'one process': ofInstances,
  'a clock of the limits that is turned': ofRedis,
} as const;

const told = new Set<string>();

/**
 * Whether a test has to be skipped as things are, for `test.skipIf`. Says so once in each
 * file, and what would run it.
 */
export function lacks(subject: keyof typeof obstacles): boolean {
  const variables = obstacles[subject];
  if (variables.length > 0 && !told.has(subject)) {
    told.add(subject);
    print(`skipped here: tests of ${subject}; they run without ${variables.join(' and ')}`);
  }
  return variables.length > 0;
}
