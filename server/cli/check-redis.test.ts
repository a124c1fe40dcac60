import { describe, expect, test } from 'vitest';
import { findRedisProblem, startRedis } from '../limits/testing/redis-server.ts';
import { checkRedis } from './check-redis.ts';

/** What is found: `status message` by name. */
async function examine(url: string): Promise<Readonly<Record<string, string>>> {
  const checks = await checkRedis(url);
  return Object.fromEntries(
    checks.map(({ name, status, message }) => [name, `${status} ${message}`]),
  );
}

describe.skipIf(findRedisProblem() !== null)('a Redis', () => {
  test('that is good', async () => {
    await using redis = await startRedis();
    expect(await examine(redis.url)).toEqual({
      redis: expect.stringMatching(/^ok Redis [\d.]+ on 127\.0\.0\.1:\d+$/),
      'redis-tls': expect.stringMatching(/^ok Not needed/),
      'redis-memory': 'ok It drops nothing',
    });
    const elsewhere = redis.url.replace('127.0.0.1', '0.0.0.0');
    expect(await examine(elsewhere)).toMatchObject({
      'redis-tls': expect.stringMatching(/^warn .*rediss:/),
    });
  });

  test('that drops what it is asked to keep', async () => {
    await using redis = await startRedis('--maxmemory', '9mb', '--maxmemory-policy', 'allkeys-lru');
    expect(await examine(redis.url)).toMatchObject({
      'redis-memory': expect.stringMatching(/^warn .*\(allkeys-lru\).*noeviction/),
    });
  });

  test('whose user may do what a server needs, and no more', async () => {
    const rights = 'server on >swordfish ~latchkey:* +@connection +select +eval';
    await using redis = await startRedis('--user', ...rights.split(' '));
    expect(await examine(redis.url.replace('//', '//server:swordfish@'))).toEqual({
      redis: expect.stringMatching(/^ok Redis on 127/),
      'redis-tls': expect.stringMatching(/^ok/),
      'redis-memory': expect.stringMatching(/^ok It does not say/),
    });
  });

  test('that does not let us in, hangs or is gone', async () => {
    await using redis = await startRedis('--requirepass', 'swordfish');
    const url = redis.url.replace('//', '//:hunter2@');
    const refused = await examine(url);
    expect(refused).toEqual({
      redis: expect.stringMatching(/^fail REDIS_URL: .*\((WRONGPASS|NOAUTH)\)/),
    });
    redis.signal('SIGSTOP');
    const silent = await examine(url);
    expect(silent).toEqual({ redis: expect.stringMatching(/^fail REDIS_URL: no Redis answers/) });
    redis.signal('SIGCONT');
    await redis.kill();
    expect(await examine(url)).toEqual(silent);
    expect(JSON.stringify([refused, silent])).not.toContain('hunter2');
  });
});
