import type { Column } from 'drizzle-orm';
import type { ClientBase } from 'pg';
import { ConfigurationError } from '../../config/configuration-error.ts';
import { postgresCodeOf } from '../postgres/postgres-error.ts';
import { copyProgressTable, hasUnfinishedCopy } from '../postgres/unfinished-copy.ts';
import { copiedTables, type CopiedTable, type Key } from './copied-tables.ts';
import type { CopyTarget } from './copy-target.ts';
import { createPostgresSide } from './postgres-side.ts';
import { startOf, type Mark } from './side.ts';

/** Whoever copies holds this lock; a process that was just killed may hold it a little longer. */
const copyLock = 7_236_119_022;
const lockTimeoutMs = 10_000;

/**
 * Writes a copy into a PostgreSQL database whose tables are there.
 *
 * @param restart takes out what a copy has brought before, instead of going on with it
 */
export function createPostgresTarget(
  client: ClientBase,
  { restart }: { readonly restart: boolean },
): Omit<CopyTarget, 'close'> {
  const inserts = new Map(copiedTables.map((table) => [table, insertOf(table)]));

  async function transaction(work: () => Promise<void>): Promise<void> {
    await client.query('BEGIN');
    try {
      await work();
      await client.query('COMMIT');
    } catch (error) {
      // A connection that is gone has no transaction any more; the error that counts is the first.
      await client.query('ROLLBACK').catch(() => {});
      throw error;
    }
  }

  async function readMarks(): Promise<ReadonlyMap<CopiedTable, Mark>> {
    const { rows } = await client.query<{ name: string; key: Key; rows: string; digest: string }>(
      `SELECT table_name AS name, last_key AS key, rows, digest FROM ${copyProgressTable}`,
    );
    const found = new Map(rows.map((row) => [row.name, row]));
    return new Map(
      copiedTables.map((table) => {
        const mark = found.get(table.name);
        if (!mark) throw refuseBegun();
        return [table, { key: mark.key, rows: Number(mark.rows), digest: mark.digest }];
      }),
    );
  }

  return {
    ...createPostgresSide(client),

    async begin() {
      await lockOut(client);
      if (!(await hasUnfinishedCopy(client))) {
        await transaction(async () => {
          await assertEmpty(client);
          await client.query(
            `CREATE TABLE ${copyProgressTable} (table_name text PRIMARY KEY, last_key json NOT NULL, rows bigint NOT NULL, digest text NOT NULL)`,
          );
          await writeStart(client);
        });
      } else if (restart) {
        await transaction(async () => {
          const names = copiedTables.map(({ name }) => `"${name}"`).join(', ');
          await client.query(`TRUNCATE ${names}, ${copyProgressTable}`);
          await writeStart(client);
        });
      }
      return readMarks();
    },

    async write(table, rows, { from, to }) {
      const columns = table.columns.map(({ postgres }, index) =>
        rows.map((row) => {
          const value = row[index] ?? null;
          return value === null ? null : postgres.mapToDriverValue(value);
        }),
      );
      const mark = [table.name, from.rows, JSON.stringify(to.key), to.rows, to.digest];
      try {
        const { rowCount } = await client.query(inserts.get(table) ?? '', [...columns, ...mark]);
        if (rowCount !== rows.length) throw refuseBegun();
      } catch (error) {
        throw explainWriting(error, table);
      }
    },

    finish: (look) =>
      transaction(async () => {
        const names = copiedTables.map(({ name }) => `"${name}"`).join(', ');
        await client.query(`LOCK TABLE ${names} IN SHARE MODE`);
        await look();
        await client.query(
          `SELECT setval(pg_get_serial_sequence('users', 'number'), coalesce(max(number), 1), max(number) IS NOT NULL) FROM users`,
        );
        await client.query(`DROP TABLE ${copyProgressTable}`);
        await client.query(`ANALYZE ${names}`);
      }),
  };
}

async function lockOut(client: ClientBase): Promise<void> {
  await client.query(`SET lock_timeout = ${lockTimeoutMs}`);
  try {
    await client.query('SELECT pg_advisory_lock($1)', [copyLock]);
  } catch (error) {
    throw new ConfigurationError(['DATABASE_URL: another copy into this database is under way.'], {
      cause: error,
    });
  }
  await client.query('RESET lock_timeout');
}

async function assertEmpty(client: ClientBase): Promise<void> {
  const filled: string[] = [];
  for (const { name } of copiedTables) {
    const { rows } = await client.query<{ filled: boolean }>(
      `SELECT EXISTS (SELECT 1 FROM "${name}") AS filled`,
    );
    if (rows[0]?.filled === true) filled.push(name);
  }
  if (filled.length === 0) return;
  throw new ConfigurationError([
    `DATABASE_URL: the database has data of its own (${filled.join(', ')}), and was left as it is. Name an empty database. Once a server has started on one, it is not empty any more.`,
  ]);
}

async function writeStart(client: ClientBase): Promise<void> {
  for (const table of copiedTables) {
    const { key, rows, digest } = startOf(table);
    await client.query(`INSERT INTO ${copyProgressTable} VALUES ($1, $2, $3, $4)`, [
      table.name,
      JSON.stringify(key),
      rows,
      digest,
    ]);
  }
}

function refuseBegun(): ConfigurationError {
  return new ConfigurationError([
    'DATABASE_URL: the copy in it is not the one that this command goes on with. Run it again with --restart.',
  ]);
}

function explainWriting(error: unknown, { name }: CopiedTable): unknown {
  const code = postgresCodeOf(error);
  if (code === '22021') {
    return new ConfigurationError([
      `--from: a text in ${name} has a character that PostgreSQL cannot keep, such as NUL. Change it there.`,
    ]);
  }
  // A row of the same key, or one without what it refers to: that came from elsewhere.
  return code?.startsWith('23') === true ? refuseBegun() : error;
}

/** One statement, so that rows and mark are one transaction in one round trip. */
function insertOf({ name, columns }: CopiedTable): string {
  const arrays = columns.map(({ postgres }, index) => `$${index + 1}::${typeOf(postgres)}[]`);
  const [tableName, from, key, rows, digest] = [1, 2, 3, 4, 5].map((n) => `$${columns.length + n}`);
  return `WITH moved AS (
      UPDATE ${copyProgressTable} SET last_key = ${key}, rows = ${rows}, digest = ${digest}
      WHERE table_name = ${tableName} AND rows = ${from} RETURNING 1)
    INSERT INTO "${name}" (${columns.map((column) => `"${column.name}"`).join(', ')})
    SELECT * FROM unnest(${arrays.join(', ')}) WHERE EXISTS (SELECT 1 FROM moved)`;
}

function typeOf(column: Column): string {
  return column.getSQLType().replace(/ COLLATE .*/, '');
}
