import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, type RedisClientType } from 'redis';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createApi } from '../../tests/contract/api.ts';
import {
  createFolder,
  startProcess,
  type ServerProcess,
} from '../../tests/contract/server-process.ts';
import { createAuthority, type Authority } from '../../tests/kit/authority.ts';
import { inspectRedis } from './inspect-redis.ts';
import {
  findFreePort,
  findRedisProblem,
  startRedis,
  type RedisServer,
} from './testing/redis-server.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

const problem = findRedisProblem();
if (problem !== null) process.stderr.write(`Skipped: TLS to Redis: ${problem}.\n`);

const password = 'hunter2-of-the-url';
const calls = 3;

describe.skipIf(problem !== null)('a Redis with TLS and passwords', () => {
  let folder: string;
  let authority: Authority;
  let stranger: Authority;
  let redis: RedisServer;
  let port: number;
  /** Beside what is tested, without TLS. */
  let observer: RedisClientType;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'latchkey-tls-'));
    authority = createAuthority(folder, 'authority');
    stranger = createAuthority(folder, 'stranger');
    const own = authority.sign('server', 'DNS:localhost');
    port = await findFreePort();
    const files = `--tls-cert-file ${own.certificate} --tls-key-file ${own.key} --tls-ca-cert-file ${authority.certificate}`;
    const options = `--tls-port ${port} --tls-auth-clients no ${files}`;
    redis = await startRedis(...options.split(' '));
    // What docs/operations/redis.md says that a user needs.
    const rights =
      '~latchkey:* resetchannels -@all +ping +hello +auth +client +select +eval +evalsha +multi +exec +del +get +set +incrby +decrby +pttl +expire +pexpire';
    await redis.command('ACL', 'SETUSER', 'latchkey', 'on', `>${password}`, ...rights.split(' '));
    await redis.command('ACL', 'SETUSER', 'default', `>${password}`);
    const plain = new URL(redis.url);
    plain.password = password;
    observer = createClient({ url: plain.href });
    observer.on('error', () => {});
    await observer.connect();
  });
  afterAll(async () => {
    observer.destroy();
    await redis[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  interface Outcome {
    /** Of sign-ins with wrong passwords from one address, how many were looked at. */
    readonly lookedAt: number;
    /** Counters in Redis. */
    readonly shared: number;
    readonly server: Pick<ServerProcess, 'stdout' | 'stderr'>;
  }

  /** What a process of its own does, which trusts these authorities beside Node's. */
  async function serve(redisUrl: string, trusted: string): Promise<Outcome> {
    await observer.flushAll();
    await using place = await createFolder();
    await using server = startProcess({
      DATABASE_URL: `file:${join(place.path, 'a.db')}`,
      REDIS_URL: redisUrl,
      NODE_EXTRA_CA_CERTS: trusted,
      LATCHKEY_LIMITS: `signInPerAddress=${calls}/3600`,
    });
    const api = createApi(await server.ready);
    const statuses: number[] = [];
    for (let call = 0; call < calls + 2; call += 1) {
      const input = { email: `nobody-${call}@example.com`, password: 'a wrong password' };
      statuses.push((await api.mutate('auth.login', { input })).status);
    }
    const shared = await observer.dbSize();
    return {
      lookedAt: statuses.filter((status) => status === 401).length,
      shared,
      server,
    };
  }

  const lost = 'Redis does not answer: limits are this process’s own';

  test.for(['latchkey', 'default', ''])(
    'is used by whoever trusts its authority, as user "%s"',
    async (user) => {
      const url = `rediss://${user}:${password}@localhost:${port}/0`;
      const { lookedAt, shared, server } = await serve(url, authority.certificate);
      expect(lookedAt).toBe(calls);
      expect(shared).toBeGreaterThan(0);
      expect(server.stdout()).not.toContain(lost);
      expect(server.stdout() + server.stderr()).not.toContain(password);
    },
  );

  test.for([
    ['an authority that is not its own', 'localhost', () => stranger.certificate],
    ['a host that its certificate does not name', '127.0.0.1', () => authority.certificate],
  ] as const)('is not used by whoever trusts %s', async ([, host, trusted]) => {
    const url = `rediss://latchkey:${password}@${host}:${port}`;
    const { lookedAt, shared, server } = await serve(url, trusted());
    // The process counts by itself.
    expect(lookedAt).toBe(calls);
    expect(shared).toBe(0);
    const line = server
      .stdout()
      .split('\n')
      .find((each) => each.includes(lost));
    expect(line).toMatch(/certificate of Redis is not one to trust.*NODE_EXTRA_CA_CERTS/);
    expect(server.stdout() + server.stderr()).not.toContain(password);
  });

  test('refuses a start with a wrong password', async () => {
    await using server = startProcess({
      DATABASE_URL: ':memory:',
      REDIS_URL: `rediss://latchkey:${password}!@localhost:${port}`,
      NODE_EXTRA_CA_CERTS: authority.certificate,
    });
    await expect(server.ready).rejects.toThrow(/REDIS_URL: refused by Redis \(WRONGPASS\)/);
    expect(server.stdout() + server.stderr()).not.toContain(password);
  });

  test('is looked at, and it is said what is wrong', async () => {
    const url = `rediss://latchkey:${password}@localhost:${port}`;
    const refusalOf = async () => String(await inspectRedis(url).catch((error: unknown) => error));
    expect(await refusalOf()).toMatch(/REDIS_URL: the certificate of Redis is not one to trust/);
    expect(await refusalOf()).not.toContain(password);
  });
});
