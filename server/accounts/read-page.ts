/** A page of rows, and the cursor of the page behind it. */
export interface Page<Row> {
  readonly rows: readonly Row[];
  /** The id of the last row, or `null` when nothing follows. */
  readonly nextCursor: string | null;
}

/** Reads one row more than was asked for: if it is there, another page is. */
export async function readPage<
  Query extends { readonly limit: number },
  Row extends { id: string },
>(query: Query, read: (query: Query) => Promise<readonly Row[]>): Promise<Page<Row>> {
  const { limit } = query;
  const found = await read({ ...query, limit: limit + 1 });
  const rows = found.slice(0, limit);
  return { rows, nextCursor: found.length > limit ? (rows.at(-1)?.id ?? null) : null };
}
