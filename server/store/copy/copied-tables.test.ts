import { getTableColumns, getTableName, is, Table } from 'drizzle-orm';
import { expect, test } from 'vitest';
import * as postgres from '../postgres/schema.ts';
import * as sqlite from '../sqlite/schema.ts';
import { copiedTables } from './copied-tables.ts';

/** Counts of the last minutes, which are lost with every Redis too. */
const notCopied = new Set(['rate_limits']);

/** Columns by table. */
function columnsOf(schema: object): Readonly<Record<string, readonly string[]>> {
  const tables = Object.values(schema).filter((value) => is(value, Table));
  return Object.fromEntries(
    tables
      .filter((table) => !notCopied.has(getTableName(table)))
      .map((table) => [
        getTableName(table),
        Object.values(getTableColumns(table)).map((column) => column.name),
      ]),
  );
}

test('every column of every table is copied', () => {
  const copied = Object.fromEntries(
    copiedTables.map(({ name, columns }) => [name, columns.map((column) => column.name)]),
  );
  expect(copied).toEqual(columnsOf(sqlite));
  // In whichever order they stand there.
  const others = Object.entries(columnsOf(postgres));
  expect(Object.fromEntries(others.map(([name, columns]) => [name, new Set(columns)]))).toEqual(
    Object.fromEntries(
      copiedTables.map(({ name, columns }) => [name, new Set(columns.map((each) => each.name))]),
    ),
  );
});
