import type { ClientBase } from 'pg';
import type { CopiedTable, Row } from './copied-tables.ts';
import type { Side } from './side.ts';

/** Reads a PostgreSQL database through one connection, in whichever transaction that is in. */
export function createPostgresSide(client: ClientBase): Omit<Side, 'close'> {
  return {
    async count({ name }) {
      const { rows } = await client.query<{ count: string }>(`SELECT count(*) FROM "${name}"`);
      return Number(rows[0]?.count);
    },
    async read(table, after, limit) {
      const columns = table.columns.map(({ name }) => `"${name}"`).join(', ');
      const key = `"${table.key.column.name}"`;
      const { rows } = await client.query<unknown[]>({
        text: `SELECT ${columns} FROM "${table.name}" WHERE ${key} > $1 ORDER BY ${key} LIMIT $2`,
        values: [after, limit],
        rowMode: 'array',
      });
      return rows.map((row) => valuesOf(table, row));
    },
  };
}

function valuesOf({ columns }: CopiedTable, row: readonly unknown[]): Row {
  return columns.map(({ postgres }, index) => {
    const value = row[index] ?? null;
    return value === null ? null : postgres.mapFromDriverValue(value);
  });
}
