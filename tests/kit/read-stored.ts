import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { withClient } from './databases.ts';
import { standInOf } from './place.ts';

/** All that is kept of a database: its folder's files, or each row of PostgreSQL as text. */
export async function readStored(path: string): Promise<Buffer> {
  const url = standInOf(path);
  if (url !== null) return readRows(url);
  const folder = dirname(path);
  const names = await readdir(folder);
  return Buffer.concat(await Promise.all(names.map((name) => readFile(join(folder, name)))));
}

/** What is kept as bytes, as hex and as it is. */
function readRows(url: string): Promise<Buffer> {
  return withClient(url, async (client) => {
    const { rows: tables } = await client.query<{ name: string }>(
      "SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public'",
    );
    const pieces: Buffer[] = [];
    for (const { name } of tables) {
      const { rows } = await client.query<Record<string, unknown>>(`SELECT * FROM ${name}`);
      for (const value of rows.flatMap((row) => Object.values(row))) {
        if (Buffer.isBuffer(value)) pieces.push(value, Buffer.from(value.toString('hex')));
        else pieces.push(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)));
      }
    }
    return Buffer.concat(pieces);
  });
}
