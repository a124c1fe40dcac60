import { once } from 'node:events';
import { ConfigurationError } from '../config/configuration-error.ts';
import { explainTls } from './explain-tls.ts';
import { importRedis } from './open-redis.ts';

const answerTimeoutMs = 5_000;

/** A Redis as it is found. */
export interface RedisInspection {
  /** `null` where it does not say. */
  readonly version: string | null;
  /** What it does when its memory is full, such as `noeviction`; `null` where it does not say. */
  readonly evictionPolicy: string | null;
  /** Bytes that it may use; 0 is no limit. */
  readonly maxMemoryBytes: number;
  readonly isEncrypted: boolean;
}

/**
 * Asks a Redis who it is, and changes nothing.
 *
 * @throws ConfigurationError when it does not answer or does not let us in, with what to do
 */
export async function inspectRedis(url: string): Promise<RedisInspection> {
  const { createClient } = await importRedis();
  const client = createClient({
    url,
    socket: { connectTimeout: answerTimeoutMs, reconnectStrategy: false },
  });
  // What it says here, the call that waits for it says too.
  client.on('error', () => {});
  // One that takes the connection and then says nothing would be waited for without an end.
  const silence = once(AbortSignal.timeout(answerTimeoutMs), 'abort').then(() => null);
  try {
    const info = await Promise.race([
      client.connect().then(() => client.info().catch(sayNothingIfNotAllowed)),
      silence,
    ]);
    if (info === null) throw new Error('Redis says nothing.');
    return { ...readInfo(info), isEncrypted: new URL(url).protocol === 'rediss:' };
  } catch (error) {
    throw explain(error);
  } finally {
    if (client.isOpen) client.destroy();
  }
}

/** A user who may do what a server needs, and no more, is as it should be. */
function sayNothingIfNotAllowed(error: unknown): string {
  if (error instanceof Error && /^NOPERM\b/.test(error.message)) return '';
  throw error;
}

/** Lines of `name:value`, between headings. */
function readInfo(text: string): Omit<RedisInspection, 'isEncrypted'> {
  const values = new Map(
    [...text.matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
  return {
    version: values.get('redis_version') ?? null,
    evictionPolicy: values.get('maxmemory_policy') ?? null,
    maxMemoryBytes: Number(values.get('maxmemory') ?? 0),
  };
}

/** The message of the driver stays behind: it may hold parts of the URL. */
function explain(error: unknown): ConfigurationError {
  const explained = explainTls(error);
  if (explained !== null) return new ConfigurationError([explained]);
  const word =
    error instanceof Error ? /^(NOAUTH|WRONGPASS|NOPERM)\b/.exec(error.message)?.[1] : undefined;
  return new ConfigurationError([
    word === undefined
      ? 'REDIS_URL: no Redis answers there. Start it, or check the host and the port that are named.'
      : `REDIS_URL: Redis does not let this user in (${word}). Check the user, the password and what the user may do.`,
  ]);
}
