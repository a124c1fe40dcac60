import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, test, vi } from 'vitest';
import { createRuntime, type Runtime } from '../runtime.ts';
import { openRedis } from './open-redis.ts';
import { findRedisProblem, startRedis } from './testing/redis-server.ts';

const problem = findRedisProblem();
if (problem !== null) process.stderr.write(`Skipped: connections to Redis: ${problem}.\n`);

/** Whose intervals are a fiftieth as long. */
function createQuickRuntime(): Runtime {
  const runtime = createRuntime();
  return { ...runtime, every: (intervalMs, work) => runtime.every(intervalMs / 50, work) };
}

/** A network that can lose connections without a word to either end. */
async function openNetwork(target: URL) {
  const connections: (readonly [Socket, Socket])[] = [];
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    connections.push([near, far]);
    near.on('error', () => {}).pipe(far);
    far.on('error', () => {}).pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // Of a TCP server that listens.
  return {
    url: `redis://127.0.0.1:${port}`,
    loseConnections() {
      for (const [near, far] of connections.splice(0)) {
        near.unpipe(far).pause();
        far.unpipe(near).pause();
      }
    },
    [Symbol.asyncDispose]: async () => {
      for (const pair of connections) for (const socket of pair) socket.destroy();
      server.close();
    },
  };
}

test.skipIf(problem !== null)(
  'a connection that says nothing any more is replaced by one that does',
  async () => {
    await using server = await startRedis();
    await using network = await openNetwork(new URL(server.url));
    const redis = await openRedis(network.url, createQuickRuntime());
    expect(await redis.ping()).toBe('PONG');
    network.loseConnections();
    const lost = Promise.allSettled([redis.ping()]);
    await vi.waitFor(() => expect(redis.ping()).resolves.toBe('PONG'), {
      timeout: 15_000,
      interval: 20,
    });
    expect(await lost).toMatchObject([{ status: 'rejected' }]);
    redis.close();
  },
);

test.skipIf(problem !== null)(
  'what is closed answers nobody, and nothing tries again',
  async () => {
    await using server = await startRedis();
    const redis = await openRedis(server.url, createRuntime());
    redis.close();
    await expect(redis.ping()).rejects.toThrow(/closed/i);
    expect(await server.command('CLIENT', 'LIST')).not.toMatch(/\n.*\n/);
  },
);
