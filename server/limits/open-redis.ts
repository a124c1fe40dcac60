import type * as redis from 'redis';
import { ConfigurationError } from '../config/configuration-error.ts';
import type { Runtime } from '../runtime.ts';
import { explainTls } from './explain-tls.ts';

/** Commands as rate-limiter-flexible gives them to node-redis. */
export interface Redis {
  readonly commands: {
    readonly eval: (
      script: string,
      options: { readonly keys: string[]; readonly arguments: string[] },
    ) => Promise<unknown>;
    multi(): unknown;
    del(key: string): Promise<number>;
  };
  /** Rejects while there is no connection. */
  ping(): Promise<unknown>;
  close(): void;
}

/** So long a start waits for Redis, and no longer. */
const firstContactMs = 2_000;
const maxReconnectMs = 1_000;
/** A connection whose other end has gone without a word is given up after one to two of these. */
const watchEveryMs = 5_000;

/**
 * Connects to Redis, and goes on trying for as long as the process lives.
 *
 * @returns connected, or after two seconds without
 * @throws ConfigurationError when the package is missing, the URL is wrong, or Redis refuses it
 */
export async function openRedis(url: string, runtime: Runtime): Promise<Redis> {
  const { createClient } = await importRedis();
  type Client = ReturnType<typeof connect>;

  function connect() {
    const client = createClient({
      url,
      disableOfflineQueue: true,
      socket: {
        connectTimeout: firstContactMs,
        reconnectStrategy: (retries) => Math.min(50 * 2 ** Math.min(retries, 10), maxReconnectMs),
      },
    });
    client.on('error', (error: Error) => {
      lastError = error;
    });
    return client;
  }

  function open(client: Client): void {
    // Rejected only by `destroy`: it tries for ever.
    client.connect().catch(() => {});
  }

  let lastError: Error | undefined;
  let client: Client;
  /** Asks where there is a connection, else says why there is none. */
  async function ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      if (!client.isReady && lastError) throw lastError;
      return await question();
    } catch (error) {
      throw withReason(error);
    }
  }

  try {
    client = connect();
  } catch {
    // Its error may hold the URL.
    throw refuse('not valid');
  }
  const contact = meet(client);
  open(client);
  const refusal = await contact;
  if (refusal !== null) {
    client.destroy();
    throw refuse(`refused by Redis (${refusal})`);
  }

  let hasAnswered = true;
  const stopWatching = runtime.every(watchEveryMs, () => {
    if (!hasAnswered) {
      client.destroy();
      client = connect();
      open(client);
    }
    hasAnswered = false;
    client.ping().then(
      () => {
        hasAnswered = true;
      },
      () => {},
    );
  });
  return {
    commands: {
      // Counts and sets the time to live in one step (Redis calls its scripts so).
      eval: (script, { keys, arguments: values }) =>
        ask(() => client.sendCommand(['EVAL', script, `${keys.length}`, ...keys, ...values])),
      multi: () => client.multi(),
      del: (key) => ask(() => client.del(key)),
    },
    ping: () => ask(() => client.ping()),
    close() {
      stopWatching();
      client.destroy();
    },
  };
}

/** @throws ConfigurationError when the package is missing */
export async function importRedis(): Promise<typeof redis> {
  try {
    return await import('redis');
  } catch (error) {
    throw new ConfigurationError(
      ['REDIS_URL: the package "redis" is not installed. Run: npm install redis.'],
      { cause: error },
    );
  }
}

function refuse(problem: string): ConfigurationError {
  return new ConfigurationError([
    `REDIS_URL: ${problem}. Wanted: redis://user:password@host:6379/0, or rediss:// for TLS.`,
  ]);
}

/** @returns the word of its refusal, or null when it lets us in or does not answer */
function meet(client: {
  once(event: 'ready', listener: () => void): unknown;
  once(event: 'error', listener: (error: unknown) => void): unknown;
}): Promise<string | null> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(null), firstContactMs);
    const settle = (refusal: string | null) => {
      clearTimeout(timer);
      resolve(refusal);
    };
    client.once('ready', () => settle(null));
    client.once('error', (error) => settle(findRefusal(error)));
  });
}

/** What no further try changes: who asks is not let in, or the number of the database is wrong. */
function findRefusal(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const word = /^(NOAUTH|WRONGPASS|NOPERM|NOPROTO|ERR)\b(?! max number of clients)/;
  return word.exec(error.message)?.[1] ?? null;
}

/** What a log may show of it: what to do about TLS, or the word that a refusal of Redis begins with. */
function withReason(error: unknown): unknown {
  const explained = explainTls(error);
  if (explained !== null) return new ConfigurationError([explained], { cause: error });
  const word = error instanceof Error ? /^[A-Z]{3,}\b/.exec(error.message)?.[0] : undefined;
  return word === undefined
    ? error
    : Object.assign(new Error(word, { cause: error }), { code: word });
}
