import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createFolder, startProcess, type ServerProcess } from '../contract/server-process.ts';
import { findFreePort, startNginx, type Nginx } from './nginx.ts';

/** Two processes of Latchkey on one database, behind nginx. */
export interface TwoProcesses extends AsyncDisposable {
  readonly nginx: Nginx;
  /** The public origin, as the processes know it. */
  readonly url: string;
  readonly processes: readonly [ServerProcess, ServerProcess];
  /** Starts one more on the same database. */
  startAnother(): ServerProcess;
}

/**
 * Starts them as in production.
 *
 * @param variables what differs
 */
export async function startTwoProcesses(
  variables: Readonly<Record<string, string>> = {},
): Promise<TwoProcesses> {
  const folder = await createFolder();
  const port = await findFreePort();
  const url = `https://localhost:${port}`;
  const all: ServerProcess[] = [];

  function startAnother(): ServerProcess {
    const started = startProcess({
      NODE_ENV: 'production',
      LATCHKEY_SECRET: secret,
      LATCHKEY_URL: url,
      LATCHKEY_TRUSTED_PROXIES: '127.0.0.1/32',
      LATCHKEY_BCRYPT_COST: '10',
      DATABASE_URL: `file:${join(folder.path, 'a.db')}`,
      ...variables,
    });
    all.push(started);
    return started;
  }

  const secret = randomBytes(32).toString('base64url');
  const processes = [startAnother(), startAnother()] as const;
  const upstreams = [{ url: await processes[0].ready }, { url: await processes[1].ready }] as const;
  const nginx = await startNginx(upstreams, port);
  return {
    nginx,
    url,
    processes,
    startAnother,
    async [Symbol.asyncDispose]() {
      await nginx[Symbol.asyncDispose]();
      await Promise.all(all.map((each) => each[Symbol.asyncDispose]()));
      await folder[Symbol.asyncDispose]();
    },
  };
}
