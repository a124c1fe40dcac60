import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';

/** A Redis of the test's own. */
export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  /** Sends commands with no password, over a connection for each. */
  command(...words: string[]): Promise<unknown>;
  /** `SIGSTOP` makes it hang, `SIGCONT` go on. */
  signal(signal: NodeJS.Signals): void;
  /** Ends it at once; what it held is gone. */
  kill(): Promise<void>;
  /** Starts it again where it was. */
  restart(): Promise<void>;
}

/** Why tests with Redis are skipped, or null. */
export function findRedisProblem(): string | null {
  const isThere = spawnSync('redis-server', ['--version']).status === 0;
  return isThere ? null : 'no redis-server is installed (apt-get install redis-server)';
}

export async function startRedis(...options: string[]): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-redis-'));
  const port = await findFreePort();
  const url = `redis://127.0.0.1:${port}`;
  let child = await run();

  function run() {
    const started = spawn(
      'redis-server',
      ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--dir', folder, ...options],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    return new Promise<typeof started>((resolve, reject) => {
      started.once('error', reject);
      started.once('exit', () => reject(new Error('redis-server did not start.')));
      started.stdout.setEncoding('utf8').on('data', (piece: string) => {
        if (piece.includes('Ready to accept connections')) resolve(started);
      });
    });
  }

  async function kill(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  return {
    url,
    async command(...words) {
      const client = createClient({ url });
      client.on('error', () => {});
      await client.connect();
      try {
        return await client.sendCommand(words);
      } finally {
        client.destroy();
      }
    },
    signal: (signal) => void child.kill(signal),
    kill,
    async restart() {
      child = await run();
    },
    async [Symbol.asyncDispose]() {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // Of a TCP server that listens.
  server.close();
  await once(server, 'close');
  return port;
}
