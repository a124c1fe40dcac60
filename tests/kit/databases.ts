import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';

/** A database of this name on the server that `url` is of. */
export function urlOf(url: string, name: string): string {
  const other = new URL(url);
  other.pathname = `/${name}`;
  return other.href;
}

/** Runs statements on a connection of its own. */
export async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** @param template an empty one by default */
export async function createDatabase(
  url: string,
  name: string,
  template = 'template0',
): Promise<void> {
  await withClient(url, (client) =>
    client.query(`CREATE DATABASE "${name}" TEMPLATE "${template}"`),
  );
}

/** The same for where nothing can be waited for. */
export function createDatabaseNow(url: string, name: string): void {
  const file = fileURLToPath(import.meta.url);
  const script = `import(process.argv[1]).then(({ createDatabase }) => createDatabase(process.argv[2], process.argv[3]))`;
  execFileSync(process.execPath, ['-e', script, file, url, name], { stdio: 'inherit' });
}

/** Those whose names begin so; whoever is connected to them is not asked. */
export async function dropDatabases(url: string, prefix: string): Promise<void> {
  await withClient(url, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      'SELECT datname AS name FROM pg_database WHERE starts_with(datname, $1)',
      [prefix],
    );
    for (const { name } of rows) {
      await client.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
    }
  });
}

/** Of every table but the one that says which migrations there are. */
export async function deleteRows(url: string): Promise<void> {
  await withClient(url, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `SELECT quote_ident(tablename) AS name FROM pg_tables
        WHERE schemaname = 'public' AND tablename <> '__drizzle_migrations' ORDER BY tablename`,
    );
    await client.query(rows.map(({ name }) => `DELETE FROM ${name}`).join(';'));
  });
}
