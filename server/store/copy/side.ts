import { keyOf, type CopiedTable, type Key, type Row } from './copied-tables.ts';
import { digestRow, emptyDigest } from './digest.ts';

/** One of the two databases, as of one moment. */
export interface Side {
  count(table: CopiedTable): Promise<number>;
  /** The next rows behind a key, in the order of the keys by their bytes. */
  read(table: CopiedTable, after: Key, limit: number): Promise<Row[]>;
  close(): Promise<void>;
}

/** How far the rows of a table have been gone through. */
export interface Mark {
  readonly key: Key;
  readonly rows: number;
  readonly digest: string;
}

/** Rows held at a time, so that memory stays bounded whatever there is. */
const rowsAtOnce = 2_000;

export function startOf({ beforeFirst }: CopiedTable): Mark {
  return { key: beforeFirst, rows: 0, digest: emptyDigest };
}

/** The mark behind some more rows. */
function passRows(table: CopiedTable, mark: Mark, rows: readonly Row[]): Mark {
  const last = rows.at(-1);
  return {
    key: last ? keyOf(table, last) : mark.key,
    rows: mark.rows + rows.length,
    digest: rows.reduce(digestRow, mark.digest),
  };
}

/** Goes through the rows of a table behind a mark, and no further than `upTo` rows from its start. */
export async function* walk(
  side: Side,
  table: CopiedTable,
  { from = startOf(table), upTo = Infinity }: { readonly from?: Mark; readonly upTo?: number } = {},
): AsyncGenerator<{ readonly rows: readonly Row[]; readonly mark: Mark }> {
  for (let mark = from; mark.rows < upTo;) {
    const rows = await side.read(table, mark.key, Math.min(rowsAtOnce, upTo - mark.rows));
    if (rows.length === 0) return;
    mark = passRows(table, mark, rows);
    yield { rows, mark };
  }
}
