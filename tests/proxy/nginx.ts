import { spawn, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import { createCertificate } from './certificate.ts';

const shipped = fileURLToPath(new URL('../../deploy/nginx.conf', import.meta.url));

/** Why there is no nginx to test with, or `null`. */
export function findWhyNoNginx(): string | null {
  const missing = ['nginx', 'openssl'].filter(
    (name) => spawnSync(name, [name === 'nginx' ? '-v' : 'version']).error !== undefined,
  );
  return missing.length === 0 ? null : `not on this machine: ${missing.join(', ')}`;
}

/** A process behind nginx. */
export interface Upstream {
  /** Such as `http://127.0.0.1:4001`. */
  readonly url: string;
  /** Gets no new request, as before it is stopped. */
  readonly isDown?: boolean;
}

/** nginx as it is installed, with `deploy/nginx.conf`. */
export interface Nginx extends AsyncDisposable {
  /** `https://localhost` and its port. */
  readonly url: string;
  readonly httpUrl: string;
  /** Takes other upstreams, and answers once none of the requests before is under way. */
  reload(upstreams: readonly Upstream[]): Promise<void>;
  readAccessLog(): Promise<string>;
}

/** Serves TLS for `localhost` on a free port. */
export async function startNginx(
  upstreams: readonly [Upstream, Upstream],
  isAt?: number,
): Promise<Nginx> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-nginx-'));
  await mkdir(join(folder, 'temp'));
  createCertificate(folder);
  const [port, httpPort] = [isAt ?? (await findFreePort()), await findFreePort()];
  const template = await readFile(shipped, 'utf8');
  const main = join(folder, 'main.conf');
  const writeSite = (behind: readonly Upstream[]) =>
    writeFile(join(folder, 'latchkey.conf'), fillIn(template, { folder, port, httpPort, behind }));
  await writeSite(upstreams);
  await writeFile(main, mainOf(folder));

  const child = spawn('nginx', ['-e', 'stderr', '-p', folder, '-c', main], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (errors += piece));
  const ended = once(child, 'close');
  const failed = ended.then(() => {
    throw new Error(`nginx has ended:\n${errors}`);
  });
  failed.catch(() => {});
  await Promise.race([untilListening(port), failed]);

  /** Processes of nginx that serve, by their id; those of before a reload leave when they are done. */
  async function findWorkers(): Promise<string[]> {
    const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
    return children.trim().split(' ');
  }

  return {
    url: `https://localhost:${port}`,
    httpUrl: `http://localhost:${httpPort}`,
    async reload(behind) {
      const before = await findWorkers();
      await writeSite(behind);
      child.kill('SIGHUP');
      await vi.waitFor(
        async () => {
          const now = await findWorkers();
          if (now.some((id) => before.includes(id))) throw new Error('nginx is still reloading.');
        },
        { timeout: 15_000 },
      );
    },
    readAccessLog: () => readFile(join(folder, 'latchkey.log'), 'utf8'),
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Places {
  readonly folder: string;
  readonly port: number;
  readonly httpPort: number;
  readonly behind: readonly Upstream[];
}

/** What differs on each machine: addresses, name, certificate, log. Everything else stays. */
function fillIn(template: string, { folder, port, httpPort, behind }: Places): string {
  const servers = behind.map(
    ({ url, isDown }) =>
      `  server ${new URL(url).host} fail_timeout=2s${isDown === true ? ' down' : ''};`,
  );
  const changes: [RegExp, string][] = [
    [/( *server 127\.0\.0\.1:\d+ fail_timeout=2s;\n)+/g, `${servers.join('\n')}\n`],
    [/ *listen \[::\].*\n/g, ''],
    [/listen 443/g, `listen 127.0.0.1:${port}`],
    [/listen 80;/g, `listen 127.0.0.1:${httpPort};`],
    [/auth\.example\.com\$request_uri/g, `localhost:${port}$request_uri`],
    [/auth\.example\.com/g, 'localhost'],
    [/\/etc\/ssl\/latchkey/g, folder],
    [/\/var\/log\/nginx/g, folder],
  ];
  return changes.reduce((text, [pattern, filling]) => {
    if (text.search(pattern) === -1) throw new Error(`deploy/nginx.conf has no ${pattern}.`);
    return text.replaceAll(pattern, filling);
  }, template);
}

function mainOf(folder: string): string {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const isRoot = process.getuid?.() === 0;
  return `
${isRoot ? 'user root;' : ''}
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
events { worker_connections 1024; }
http {
  ${kinds.map((kind) => `${kind}_temp_path ${folder}/temp/${kind};`).join('\n  ')}
  include ${folder}/latchkey.conf;
}
`;
}

async function untilListening(port: number): Promise<void> {
  await vi.waitFor(
    async () => {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      socket.destroy();
    },
    { timeout: 15_000 },
  );
}

/** Below those that the system gives away itself: what it is for listens later. */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
