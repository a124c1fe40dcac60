import { inspectRedis } from '../limits/inspect-redis.ts';
import { check, ok, warn, type Check } from './check.ts';
import { isLoopback } from './is-loopback.ts';

/** The Redis that limits are shared through. It holds nothing that cannot be lost. */
export async function checkRedis(url: string): Promise<readonly Check[]> {
  return check('redis', async () => {
    const { version, evictionPolicy, maxMemoryBytes, isEncrypted } = await inspectRedis(url);
    const { host, hostname } = new URL(url);
    return [
      {
        name: 'redis',
        ...ok(version === null ? `Redis on ${host}` : `Redis ${version} on ${host}`),
      },
      ...(await check('redis-tls', () =>
        isEncrypted || isLoopback(hostname)
          ? ok(isEncrypted ? 'The connection is encrypted' : 'Not needed on this machine')
          : warn('The connection is not encrypted. Use rediss://, or a network of your own.'),
      )),
      ...(await check('redis-memory', () => {
        // What evicts takes counts away, and whoever was limited may try again.
        const evicts = evictionPolicy !== null && evictionPolicy !== 'noeviction';
        return evicts && maxMemoryBytes > 0
          ? warn(
              `When its memory is full it drops counts of limits (${evictionPolicy}). Set maxmemory-policy noeviction, or use a Redis for this alone.`,
            )
          : ok(
              evictionPolicy === null
                ? 'It does not say (it takes the right to ask INFO)'
                : 'It drops nothing',
            );
      })),
    ];
  });
}
