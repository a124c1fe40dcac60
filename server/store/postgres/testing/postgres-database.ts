import { Client } from 'pg';
import { createRuntime } from '../../../runtime.ts';
import { postgresUrl } from './postgres-server.ts';

/** A database of a test's own, which goes with the test. */
export interface TestDatabase extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
  /** Through a connection of its own, as the owner of the server. */
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>;
}

/** Makes an empty one on the server that tests use. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const name = `latchkey_test_${createRuntime().randomBytes(6).toString('hex')}`;
  const url = new URL(postgresUrl);
  await queryOnce(url.href, `CREATE DATABASE ${name}`);
  url.pathname = `/${name}`;
  return {
    name,
    url: url.href,
    query: (text, values) => queryOnce(url.href, text, values),
    async [Symbol.asyncDispose]() {
      await queryOnce(postgresUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}

/** Runs a statement on a connection of its own. */
export async function queryOnce<Row extends object>(
  connectionString: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    const { rows } = await client.query<Row>(text, [...values]);
    return rows;
  } finally {
    await client.end();
  }
}
