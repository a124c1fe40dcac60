import { spawn } from 'node:child_process';
import { once } from 'node:events';

const script = `
  const { DatabaseSync } = require('node:sqlite');
  const database = new DatabaseSync(process.argv[1]);
  database.exec('BEGIN IMMEDIATE');
  process.stdout.write('locked');
  process.stdin.resume().on('end', () => {
    database.exec('ROLLBACK');
    database.close();
  });
`;

/**
 * Holds the write lock of a database from another process. It has to be one: locks
 * of a file are its process's, and two copies of SQLite in one would not meet.
 */
export async function holdLock(path: string): Promise<{ release(): Promise<void> }> {
  const holder = spawn(process.execPath, ['--no-warnings', '-e', script, path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(holder, 'close');
  await Promise.race([
    once(holder.stdout, 'data'),
    ended.then(() => {
      throw new Error('The lock could not be taken.');
    }),
  ]);
  return {
    async release() {
      holder.stdin.end();
      await ended;
    },
  };
}
