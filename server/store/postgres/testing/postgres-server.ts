import { Client } from 'pg';

/** Of the server that tests of PostgreSQL use, as a user who may make databases there. */
export const postgresUrl =
  process.env['LATCHKEY_TEST_POSTGRES'] ?? 'postgres://root@127.0.0.1:5432/postgres';

const problem = await findProblem();

async function findProblem(): Promise<string | null> {
  const client = new Client({ connectionString: postgresUrl, connectionTimeoutMillis: 2_000 });
  try {
    await client.connect();
    await client.end();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

if (problem !== null) {
  process.stderr.write(
    `Skipped: no PostgreSQL answers at LATCHKEY_TEST_POSTGRES (${problem}). Name one that does.\n`,
  );
}

/** Whether it answers: what needs it is skipped where it does not, with the line above. */
export const hasPostgres = problem === null;
