import { readFile } from 'node:fs/promises';
import Database from 'better-sqlite3';
import { generateSQLiteDrizzleJson, generateSQLiteMigration } from 'drizzle-kit/api';
import { expect, test } from 'vitest';
import { createRuntime } from '../../runtime.ts';
import { openDatabase } from './open-database.ts';
import * as schema from './schema.ts';

const metaFolder = new URL('../../../drizzle/sqlite/meta/', import.meta.url);

async function readJson(name: string): Promise<unknown> {
  return JSON.parse(await readFile(new URL(name, metaFolder), 'utf8'));
}

/** What a snapshot says of the database, as a file would have it. */
function contentOf(snapshot: unknown): object {
  const { tables, views, enums } = snapshot as Readonly<Record<string, unknown>>;
  return JSON.parse(JSON.stringify({ tables, views, enums })) as object;
}

test('the schema has changed only together with a migration', async () => {
  const { entries } = (await readJson('_journal.json')) as { entries: { idx: number }[] };
  const newest = String(entries.at(-1)?.idx).padStart(4, '0');
  const snapshot = contentOf(await readJson(`${newest}_snapshot.json`));
  const current = contentOf(await generateSQLiteDrizzleJson(schema));
  expect(current, 'Run "npm run migrations", and commit what it makes.').toEqual(snapshot);
});

test('the migrations make the tables that the schema describes', async () => {
  const { database: migrated } = await openDatabase(':memory:', createRuntime());
  const described = new Database(':memory:');
  const nothing = await generateSQLiteDrizzleJson({});
  const everything = await generateSQLiteDrizzleJson(schema);
  for (const statement of await generateSQLiteMigration(nothing, everything)) {
    described.exec(statement);
  }
  migrated.exec('DROP TABLE __drizzle_migrations');
  expect(shapeOf(migrated)).toEqual(shapeOf(described));
  // The one part that drizzle cannot describe; what it does is in the contract of a store.
  expect(namesOf(migrated, 'virtual')).toEqual(['users_search']);
  expect(Object.keys(shapeOf(described))).toContain('users');
  migrated.close();
  described.close();
});

/** Columns, references and indexes of each table. A column that was added later stands last. */
function shapeOf(database: Database.Database): Record<string, object> {
  const columns = database.prepare<[string]>(
    'SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?) ORDER BY name',
  );
  const references = database.prepare<[string]>(
    'SELECT "from", "table", "to", on_update, on_delete FROM pragma_foreign_key_list(?) ORDER BY "from"',
  );
  const indexes = database.prepare<[string]>(
    "SELECT sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? ORDER BY name",
  );
  return Object.fromEntries(
    namesOf(database, 'table').map((name) => [
      name,
      { columns: columns.all(name), references: references.all(name), indexes: indexes.all(name) },
    ]),
  );
}

/** A virtual table keeps what it holds in shadow tables, which are another type. */
function namesOf(database: Database.Database, type: 'table' | 'virtual'): readonly string[] {
  return database
    .prepare<[string], { name: string }>(
      "SELECT name FROM pragma_table_list WHERE type = ? AND schema = 'main' ORDER BY name",
    )
    .all(type)
    .map(({ name }) => name);
}
