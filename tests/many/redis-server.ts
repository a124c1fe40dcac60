import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';

const isInstalled = spawnSync('redis-server', ['--version']).status === 0;
if (!isInstalled) {
  process.stderr.write('Skipped: there is no redis-server to start. Install Redis 7.\n');
}

/** Whether a Redis can be started: what needs one is skipped where not, with the line above. */
export const hasRedis = isInstalled;

/** A Redis of a test's own, which may be treated badly. */
export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  flush(): Promise<void>;
  /** It keeps its connections, and says nothing. */
  freeze(): void;
  thaw(): void;
  kill(): Promise<void>;
  /** On the same port, and with nothing in it. */
  start(): Promise<void>;
}

export async function startRedis(): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-redis-'));
  const port = String(await findFreePort());
  const url = `redis://127.0.0.1:${port}`;
  let server: ReturnType<typeof run> | null = null;

  function run() {
    const options = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--dir', folder];
    const child = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'inherit'] });
    return { child, ended: once(child, 'exit') };
  }

  async function start(): Promise<void> {
    server = run();
    let text = '';
    for await (const piece of server.child.stdout.setEncoding('utf8')) {
      text += String(piece);
      if (text.includes('Ready to accept connections')) break;
    }
    if (server.child.exitCode !== null) throw new Error(`Redis has ended: ${text}`);
    server.child.stdout.destroy();
  }

  async function kill(): Promise<void> {
    server?.child.kill('SIGKILL');
    await server?.ended;
    server = null;
  }

  await start();
  return {
    url,
    start,
    kill,
    freeze: () => void server?.child.kill('SIGSTOP'),
    thaw: () => void server?.child.kill('SIGCONT'),
    async flush() {
      const client = await createClient({ url }).connect();
      await client.flushAll();
      await client.close();
    },
    async [Symbol.asyncDispose]() {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // A TCP server that listens has such an address.
  server.close();
  await once(server, 'close');
  return port;
}
