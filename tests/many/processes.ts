import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { hasPostgres, postgresUrl } from '../../server/store/postgres/testing/postgres-server.ts';
import { createApi, signedInOf, type Api } from '../contract/api.ts';
import { startProcess, type ServerProcess } from '../contract/server-process.ts';
import { admin, variables } from '../faults/servers.ts';
import { createDatabase, dropDatabases, urlOf, withClient } from '../kit/databases.ts';
import { hasRedis, startRedis, type RedisServer } from './redis-server.ts';

/** Whether the tests of this folder can run; a line has said why not. */
export const canRun = hasPostgres && hasRedis;

const processCount = 3;
/** Three processes beside what else uses a server of a hundred connections. */
const poolSize = 6;

/** A database and a Redis of a test's own, and what real processes are told to use them. */
export interface Ground extends AsyncDisposable {
  readonly url: string;
  readonly redis: RedisServer;
  readonly variables: Readonly<Record<string, string>>;
  /** Ends every connection to the database. */
  terminateBackends(): Promise<void>;
}

let made = 0;

export async function openGround(): Promise<Ground> {
  made += 1;
  const name = `latchkey_many_${process.pid}_${made}_`;
  await createDatabase(postgresUrl, name);
  const redis = await startRedis();
  const url = urlOf(postgresUrl, name);
  return {
    url,
    redis,
    variables: {
      ...variables,
      DATABASE_URL: url,
      DATABASE_POOL: String(poolSize),
      REDIS_URL: redis.url,
      LATCHKEY_SECRET: randomBytes(32).toString('base64url'),
    },
    terminateBackends: () =>
      withClient(postgresUrl, async (client) => {
        await client.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1',
          [name],
        );
      }),
    async [Symbol.asyncDispose]() {
      await redis[Symbol.asyncDispose]();
      await dropDatabases(postgresUrl, name);
    },
  };
}

/** Three servers on one ground. */
export interface Processes extends AsyncDisposable {
  readonly ground: Ground;
  readonly servers: readonly ServerProcess[];
  readonly apis: readonly [Api, Api, Api];
  readonly adminToken: string;
}

/** @param more variables of each process */
export async function startProcesses(
  more: Readonly<Record<string, string>> = {},
): Promise<Processes> {
  const ground = await openGround();
  const servers = Array.from({ length: processCount }, () =>
    startProcess({ ...ground.variables, ...more }),
  );
  const urls = await Promise.all(servers.map(({ ready }) => ready));
  const apis = urls.map(apiFromAnywhere) as [Api, Api, Api]; // As many as there are processes.
  const login = await apis[0].mutate('auth.login', { input: admin });
  return {
    ground,
    servers,
    apis,
    adminToken: signedInOf(login).accessToken,
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
      await ground[Symbol.asyncDispose]();
    },
  };
}

let calls = 0;

/** Each call from another address: what is tried is not how many calls one may make. */
function apiFromAnywhere(url: string): Api {
  return createApi(url, (target, init) => {
    calls += 1;
    const address = `10.${(calls >> 16) & 255}.${(calls >> 8) & 255}.${calls & 255}`;
    const headers = new Headers(init.headers);
    headers.set('x-forwarded-for', address);
    return fetch(target, { ...init, headers });
  });
}

/**
 * Asks again and again until it is so.
 *
 * @throws Error that says what did not come
 */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`Waited a minute in vain: ${what}.`);
    await delay(20);
  }
}
