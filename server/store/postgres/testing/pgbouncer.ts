import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort, findIdentity } from './own-postgres.ts';

/** A PgBouncer of the test's own, in front of a server. */
export interface PgBouncer extends AsyncDisposable {
  /** The URL of a database on the server, through the pooler. */
  through(url: string): string;
  /** Changes its mode while clients are connected. */
  change(poolMode: PoolMode): Promise<void>;
}

type PoolMode = 'session' | 'transaction';

const program = '/usr/sbin/pgbouncer';

/** Why tests that start one are skipped, or null. */
export function findPgBouncerProblem(): string | null {
  if (spawnSync(program, ['--version']).status !== 0) {
    return `there is no ${program} (apt-get install pgbouncer)`;
  }
  return findIdentity() === null ? 'root may not run it, and there is no user postgres' : null;
}

/** @param serverUrl as whom the pooler connects, whatever a client says of itself */
export async function startPgBouncer(serverUrl: string, poolMode: PoolMode): Promise<PgBouncer> {
  const identity = findIdentity() ?? {};
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-pgbouncer-'));
  const port = await findFreePort();
  const { hostname, port: serverPort, username, password } = new URL(serverUrl);
  const server = `host=${hostname} port=${serverPort || 5432} user=${decodeURIComponent(username)}`;
  const signIn = password === '' ? '' : ` password=${decodeURIComponent(password)}`;
  const linesOf = (mode: PoolMode) => [
    '[databases]',
    `* = ${server}${signIn}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = any',
    `pool_mode = ${mode}`,
    'default_pool_size = 12',
    'ignore_startup_parameters = statement_timeout,lock_timeout,idle_in_transaction_session_timeout',
    '',
  ];
  const file = join(folder, 'pgbouncer.ini');
  await writeFile(file, linesOf(poolMode).join('\n'));
  if (identity.uid !== undefined) {
    for (const path of [folder, file]) chownSync(path, identity.uid, identity.gid ?? 0);
  }
  const child = spawn(program, [file], {
    ...identity,
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    log += piece;
  });
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`PgBouncer did not start: ${log}`)));
    child.stderr.on('data', () => {
      if (log.includes('process up')) resolve();
    });
  });
  return {
    through(url) {
      const own = new URL(url);
      own.host = `127.0.0.1:${port}`;
      return own.href;
    },
    async change(mode) {
      await writeFile(file, linesOf(mode).join('\n'));
      const reread = new Promise<void>((resolve) => {
        child.stderr.on('data', () => {
          if (log.includes('re-reading config')) resolve();
        });
      });
      child.kill('SIGHUP');
      await reread;
    },
    async [Symbol.asyncDispose]() {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
