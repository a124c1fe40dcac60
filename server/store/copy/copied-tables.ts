import type { Column } from 'drizzle-orm';
import * as postgres from '../postgres/schema.ts';
import { getTableColumns, getTableName } from '../sqlite/drizzle.ts';
import * as sqlite from '../sqlite/schema.ts';

/** A column as both databases have it: the same name and, read through drizzle, the same values. */
export interface CopiedColumn {
  readonly name: string;
  readonly sqlite: Column;
  readonly postgres: Column;
}

export interface CopiedTable {
  readonly name: string;
  readonly columns: readonly CopiedColumn[];
  /** What its rows are ordered by, and where that stands in a row. */
  readonly key: { readonly column: CopiedColumn; readonly index: number };
  /** Comes before every key. */
  readonly beforeFirst: Key;
}

/** The value of a key column. */
export type Key = string | number;

/** The values of a row, in the order of the columns. */
export type Row = readonly unknown[];

/** Every table, those first that others refer to. */
export const copiedTables: readonly CopiedTable[] = [
  describe(sqlite.users, postgres.users),
  describe(sqlite.sessions, postgres.sessions),
  describe(sqlite.signingKeys, postgres.signingKeys),
  describe(sqlite.auditEvents, postgres.auditEvents),
  describe(sqlite.auditHead, postgres.auditHead),
];

function describe(
  ofSqlite: Parameters<typeof getTableColumns>[0],
  ofPostgres: Parameters<typeof getTableColumns>[0],
): CopiedTable {
  const name = getTableName(ofSqlite);
  const others: Readonly<Record<string, Column>> = getTableColumns(ofPostgres);
  const columns = Object.entries(getTableColumns(ofSqlite)).map(([property, column]) => {
    const other = others[property];
    if (!other) throw new Error(`${name}.${column.name} has no counterpart.`);
    return { name: column.name, sqlite: column, postgres: other };
  });
  const index = columns.findIndex((column) => column.sqlite.primary);
  const column = columns[index];
  if (!column) throw new Error(`${name} has no key.`);
  return {
    name,
    columns,
    key: { column, index },
    beforeFirst: column.sqlite.dataType === 'string' ? '' : -1,
  };
}

export function keyOf({ key }: CopiedTable, row: Row): Key {
  return row[key.index] as Key; // The key of every table is a text or a number.
}
