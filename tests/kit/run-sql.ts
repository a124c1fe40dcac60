import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { withClient } from './databases.ts';
import { standInOf } from './place.ts';

const run = promisify(execFile);

const script = `
  const { DatabaseSync } = require('node:sqlite');
  const database = new DatabaseSync(process.argv[1], { timeout: 1000 });
  process.stdout.write(JSON.stringify(database.prepare(process.argv[2]).all()));
  database.close();
`;

/**
 * Runs one statement on a database that a server has open, and answers its rows. In
 * another process: two copies of SQLite in one would undo each other's locks of a file.
 */
export async function runSql(path: string, statement: string): Promise<Record<string, unknown>[]> {
  const url = standInOf(path);
  if (url !== null) {
    return withClient(url, async (client) => {
      const { rows } = await client.query<Record<string, unknown>>(statement);
      return rows;
    });
  }
  const argumentsOfNode = ['--no-warnings', '-e', script, path, statement];
  const { stdout } = await run(process.execPath, argumentsOfNode);
  return JSON.parse(stdout) as Record<string, unknown>[];
}
