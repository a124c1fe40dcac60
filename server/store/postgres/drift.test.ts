import { readFile } from 'node:fs/promises';
import { generateDrizzleJson, generateMigration } from 'drizzle-kit/api';
import { getTableConfig } from 'drizzle-orm/pg-core';
import { getTableConfig as getSqliteTableConfig } from 'drizzle-orm/sqlite-core';
import { describe, expect, test, vi } from 'vitest';
import * as sqliteSchema from '../sqlite/schema.ts';
import { openPool } from './open-database.ts';
import * as schema from './schema.ts';
import { createTestDatabase, type TestDatabase } from './testing/postgres-database.ts';
import { hasPostgres } from './testing/postgres-server.ts';

// Making a database takes seconds where many do.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const metaFolder = new URL('../../../drizzle/postgres/meta/', import.meta.url);
const tables = [
  [schema.users, sqliteSchema.users],
  [schema.sessions, sqliteSchema.sessions],
  [schema.signingKeys, sqliteSchema.signingKeys],
  [schema.auditEvents, sqliteSchema.auditEvents],
  [schema.auditHead, sqliteSchema.auditHead],
] as const;

async function readJson(name: string): Promise<unknown> {
  return JSON.parse(await readFile(new URL(name, metaFolder), 'utf8'));
}

/** What a snapshot says of the database, as a file would have it. */
function contentOf(snapshot: unknown): object {
  const { id: _id, prevId: _prevId, ...content } = snapshot as Readonly<Record<string, unknown>>;
  return JSON.parse(JSON.stringify(content)) as object;
}

test('the schema has changed only together with a migration', async () => {
  const { entries } = (await readJson('_journal.json')) as { entries: { idx: number }[] };
  const newest = String(entries.at(-1)?.idx).padStart(4, '0');
  const snapshot = contentOf(await readJson(`${newest}_snapshot.json`));
  const current = contentOf(generateDrizzleJson(schema));
  expect(current, 'Run "npm run migrations", and commit what it makes.').toEqual(snapshot);
});

test('each table has the columns that it has on SQLite, and asks the same of them', () => {
  type Column = { readonly name: string; readonly notNull: boolean; readonly primary: boolean };
  const shapeOf = ({ name, columns }: { name: string; columns: readonly Column[] }) => ({
    name,
    columns: columns.map(({ name, notNull, primary }) => ({ name, notNull, primary })),
  });
  for (const [table, onSqlite] of tables) {
    expect(shapeOf(getTableConfig(table))).toEqual(shapeOf(getSqliteTableConfig(onSqlite)));
  }
});

test('no table is on SQLite alone, and on PostgreSQL alone what limits count', () => {
  const exported = (module: object) => Object.keys(module).toSorted();
  const { rateLimits: _rateLimits, ...others } = schema;
  expect(exported(others)).toEqual(exported(sqliteSchema));
});

describe.skipIf(!hasPostgres)('on PostgreSQL', () => {
  test('the migrations make the tables that the schema describes', async () => {
    await using migrated = await createTestDatabase();
    await using described = await createTestDatabase();
    const { pool } = await openPool(migrated.url, 1);
    await pool.end();
    await migrated.query('DROP TABLE __drizzle_migrations');
    // The one part that drizzle cannot describe; what it does is in the contract of a store.
    await migrated.query('DROP INDEX users_search');
    const statements = await generateMigration(
      generateDrizzleJson({}),
      generateDrizzleJson(schema),
    );
    for (const statement of statements) await described.query(statement);
    const shape = await shapeOf(described);
    expect(await shapeOf(migrated)).toEqual(shape);
    expect(shape['columns']?.length).toBeGreaterThan(40);
  });
});

async function shapeOf(database: TestDatabase): Promise<Record<string, readonly object[]>> {
  return {
    columns: await database.query(
      `SELECT table_name, column_name, data_type, is_nullable, column_default, identity_generation, collation_name
       FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2`,
    ),
    constraints: await database.query(
      `SELECT conrelid::regclass::text AS "table", conname, pg_get_constraintdef(oid) AS definition
       FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2`,
    ),
    indexes: await database.query(
      `SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1`,
    ),
  };
}
