import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  findRedisProblem,
  startRedis,
  type RedisServer,
} from '../../server/limits/testing/redis-server.ts';
import { createApi, type Api } from '../contract/api.ts';
import { createFolder, startProcess, type ServerProcess } from '../contract/server-process.ts';

const problem = findRedisProblem();
if (problem !== null) process.stderr.write(`Skipped: faults of Redis: ${problem}.\n`);

const calls = 20;
const admin = { email: 'ada@example.com', password: 'the admin of the Redis tests' };
const variables = {
  LATCHKEY_LIMITS: `signInPerAddress=${calls}/3600`,
  LATCHKEY_TRUSTED_PROXIES: '127.0.0.1',
  LATCHKEY_ADMIN_EMAIL: admin.email,
  LATCHKEY_ADMIN_PASSWORD: admin.password,
};
const lost = 'Redis does not answer: limits are this process’s own';
const found = 'Redis answers again: limits are shared';
/** Long enough on a slow machine. */
const deadline = { timeout: 60_000, interval: 50 };
const testTimeoutMs = 240_000;

function countLines(server: ServerProcess, message: string): number {
  return server.stdout().split(`"msg":"${message}"`).length - 1;
}

/** Waits until the server has said it once more than so many times. */
async function waitForLine(server: ServerProcess, message: string, before: number): Promise<void> {
  await vi.waitFor(() => expect(countLines(server, message)).toBeGreaterThan(before), deadline);
}

let guesses = 0;

/** @returns of so many wrong passwords of strangers, one after the other, how many were looked at */
async function guess(api: Api, address: string, times: number): Promise<number> {
  let lookedAt = 0;
  for (let time = 0; time < times; time += 1) {
    guesses += 1;
    const input = { email: `nobody-${guesses}@example.com`, password: 'a wrong password' };
    const headers = { 'x-forwarded-for': address };
    const { status } = await api.mutate('auth.login', { input, headers });
    expect([401, 429]).toContain(status);
    if (status === 401) lookedAt += 1;
  }
  return lookedAt;
}

/** Someone who signs in all the time, each time from elsewhere, and is let in each time. */
function keepSigningIn(apis: readonly Api[]): { stop(): Promise<number> } {
  let isStopped = false;
  const signingIn = (async () => {
    let times = 0;
    while (!isStopped) {
      times += 1;
      const address = `10.${times >> 16}.${(times >> 8) & 255}.${times & 255}`;
      const api = apis[times % apis.length] as Api; // There are two.
      const headers = { 'x-forwarded-for': address };
      const { status } = await api.mutate('auth.login', { input: admin, headers });
      if (status !== 200) throw new Error(`Signing in was answered with ${status}.`);
    }
    return times;
  })();
  // Thrown again by `stop`.
  signingIn.catch(() => {});
  return {
    stop() {
      isStopped = true;
      return signingIn;
    },
  };
}

interface Fault {
  readonly name: string;
  /** Whether a process notices; else it is said by nobody. */
  readonly isSaid: boolean;
  begin(redis: RedisServer): Promise<unknown>;
  end(redis: RedisServer): Promise<unknown>;
}

const faults: readonly Fault[] = [
  {
    name: 'hangs',
    isSaid: true,
    begin: async (redis) => redis.signal('SIGSTOP'),
    end: async (redis) => redis.signal('SIGCONT'),
  },
  {
    name: 'is gone, and back with nothing in it',
    isSaid: true,
    begin: (redis) => redis.kill(),
    end: (redis) => redis.restart(),
  },
  {
    name: 'can only be read',
    isSaid: true,
    begin: (redis) => redis.command('REPLICAOF', '127.0.0.1', '1'),
    end: (redis) => redis.command('REPLICAOF', 'NO', 'ONE'),
  },
  {
    name: 'is full',
    isSaid: true,
    begin: (redis) => redis.command('CONFIG', 'SET', 'maxmemory', '1'),
    end: (redis) => redis.command('CONFIG', 'SET', 'maxmemory', '0'),
  },
  {
    name: 'is flushed',
    isSaid: false,
    begin: (redis) => redis.command('FLUSHALL'),
    end: async () => {},
  },
];

describe.skipIf(problem !== null)('Redis', { timeout: testTimeoutMs }, () => {
  let scene: {
    readonly redis: RedisServer;
    readonly servers: readonly [ServerProcess, ServerProcess];
    readonly apis: readonly [Api, Api];
    close(): Promise<void>;
  };

  beforeEach(async () => {
    scene = await openScene();
  }, 60_000);
  afterEach(() => scene.close());

  async function openScene(): Promise<typeof scene> {
    const folder = await createFolder();
    const redis = await startRedis();
    const environment = {
      ...variables,
      DATABASE_URL: `file:${join(folder.path, 'a.db')}`,
      REDIS_URL: redis.url,
    };
    const servers = [startProcess(environment), startProcess(environment)] as const;
    const urls = await Promise.all([servers[0].ready, servers[1].ready]);
    return {
      redis,
      servers,
      apis: [createApi(urls[0]), createApi(urls[1])],
      async close() {
        await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
        await redis[Symbol.asyncDispose]();
        await folder[Symbol.asyncDispose]();
      },
    };
  }

  /** A budget is shared again, sooner or later, without a restart. */
  async function waitUntilShared([a, b]: readonly [Api, Api]): Promise<void> {
    let round = 0;
    await vi.waitFor(async () => {
      round += 1;
      const address = `192.0.2.${round}`;
      const half = await guess(a, address, calls / 2);
      expect(half + (await guess(b, address, calls + 5))).toBe(calls);
    }, deadline);
  }

  test.each(faults)(
    'that $name: people sign in, no process has more than its own budget, and it mends by itself',
    async ({ isSaid, begin, end }) => {
      const { redis, servers, apis } = scene;
      const [a, b] = apis;
      await waitUntilShared(apis);
      const person = keepSigningIn(apis);
      const lookedAt = [await guess(a, '198.51.100.1', 5), await guess(b, '198.51.100.1', 5)];
      expect(lookedAt).toEqual([5, 5]);

      const said = servers.map((server) => ({
        lost: countLines(server, lost),
        found: countLines(server, found),
      }));
      await begin(redis);
      if (isSaid) {
        await Promise.all(servers.map((each, at) => waitForLine(each, lost, said[at]?.lost ?? 0)));
      }
      const during = [await guess(a, '198.51.100.1', 40), await guess(b, '198.51.100.1', 40)];
      await end(redis);
      if (isSaid) {
        await Promise.all(
          servers.map((each, at) => waitForLine(each, found, said[at]?.found ?? 0)),
        );
      }
      const after = [await guess(a, '198.51.100.1', 40), await guess(b, '198.51.100.1', 40)];

      const [ofA = 0, ofB = 0] = [0, 1].map(
        (at) => (lookedAt[at] ?? 0) + (during[at] ?? 0) + (after[at] ?? 0),
      );
      expect(ofA).toBe(calls);
      if (isSaid) expect(ofB).toBe(calls);
      // What was flushed is one budget more, which both share.
      else expect(ofB).toBeLessThanOrEqual(calls / 2);
      expect(after).toEqual([0, 0]);
      await waitUntilShared(apis);
      expect(await person.stop()).toBeGreaterThan(0);
    },
  );

  test('that comes and goes gives nobody a new budget', async () => {
    const { redis, servers, apis } = scene;
    const person = keepSigningIn(apis);
    const lookedAt = [0, 0];
    const guessAtBoth = async () => {
      for (const [at, api] of apis.entries()) {
        lookedAt[at] = (lookedAt[at] ?? 0) + (await guess(api, '198.51.100.1', 30));
      }
    };
    for (let round = 0; round < 3; round += 1) {
      const before = servers.map((server) => countLines(server, found));
      await redis.kill();
      await guessAtBoth();
      await redis.restart();
      await Promise.all(servers.map((each, at) => waitForLine(each, found, before[at] ?? 0)));
      await guessAtBoth();
    }
    expect(lookedAt).toEqual([calls, calls]);
    await person.stop();
  });

  test('holds no address and no name in clear', async () => {
    const { redis, apis } = scene;
    await guess(apis[0], '198.51.100.77', 3);
    await guess(apis[0], '2001:db8::77', 3);
    const keys = (await redis.command('KEYS', '*')) as string[]; // That is what it answers.
    expect(keys.length).toBeGreaterThan(0);
    for (const key of keys) expect(key).toMatch(/^latchkey:limits:[\w:]+:[\w-]{22}$/);
    expect(keys.join()).not.toMatch(/198|2001|nobody|everybody/);
  });
});

describe.skipIf(problem !== null)('a start', { timeout: testTimeoutMs }, () => {
  async function start(redisUrl: string): Promise<ServerProcess> {
    return startProcess({ ...variables, DATABASE_URL: ':memory:', REDIS_URL: redisUrl });
  }

  test('goes on without Redis, says so, and shares as soon as Redis is there', async () => {
    await using redis = await startRedis();
    await redis.kill();
    await using server = await start(redis.url);
    const api = createApi(await server.ready);
    expect(countLines(server, lost)).toBe(1);
    expect(await guess(api, '198.51.100.1', 30)).toBe(calls);
    await redis.restart();
    await vi.waitFor(async () => {
      await guess(api, '198.51.100.2', 1);
      expect(countLines(server, found)).toBe(1);
    }, deadline);
    expect(await redis.command('KEYS', '*')).not.toEqual([]);
  });

  test('is refused where Redis refuses the password, and shows none', async () => {
    await using redis = await startRedis('--requirepass', 'the-right-one');
    for (const credentials of ['', ':hunter2@', 'nobody:hunter2@']) {
      await using server = await start(redis.url.replace('//', `//${credentials}`));
      server.ready.catch(() => {});
      expect(await server.ended).toMatchObject({ code: 1 });
      expect(server.stderr()).toMatch(
        /^REDIS_URL: refused by Redis \((NOAUTH|WRONGPASS)\)\. .+\n$/,
      );
      expect(server.stdout() + server.stderr()).not.toContain('hunter2');
    }
    await using server = await start(redis.url.replace('//', '//:the-right-one@'));
    await server.ready;
    expect(server.stdout()).not.toContain('the-right-one');
  });

  test.each(['/hunter2', '/99'])('is refused with a URL that ends in %s', async (path) => {
    await using redis = await startRedis();
    await using server = await start(`${redis.url}${path}`);
    server.ready.catch(() => {});
    expect(await server.ended).toMatchObject({ code: 1 });
    expect(server.stderr()).toMatch(/^REDIS_URL: /);
    expect(server.stderr()).not.toContain('hunter2');
  });
});
