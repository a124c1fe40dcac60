import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Client, Pool } from 'pg';
import { createClient } from 'redis';
import { vi } from 'vitest';
import { LatchkeyError } from '../../../shared/latchkey-error.ts';
import { createRuntime } from '../../runtime.ts';
import { serveClusterLimits } from '../cluster-limits.ts';
import type { LimitOverrides, Limits } from '../limits.ts';
import { openLimits, type OpenedLimits, type SharingChange } from '../open-limits.ts';
import type { Reply, Request } from './cluster-worker.ts';
import { findRedisProblem, startRedis } from './redis-server.ts';

/** Where limits are counted, with a clock that the test turns. */
export interface Place extends AsyncDisposable {
  /** Times so much shorter than they are said to be are as good: some real time passes. */
  readonly slackMs: number;
  /** Opens them as a process of its own does; what was counted with another salt is not there. */
  open(overrides: LimitOverrides, salt: Uint8Array): Promise<Limits>;
  turn(ms: number): Promise<void>;
}

/** On a slow machine, too, the place is what is tested, and not what steps in for it. */
const patienceMs = 8_000;

type OpenOptions = Parameters<typeof openLimits>[0];

/** Opens with what every place has, and closes all in the end. */
function createOpener(place: Pick<OpenOptions, 'redis' | 'pool'>) {
  const opened: OpenedLimits[] = [];
  return {
    async open(overrides: LimitOverrides, salt: Uint8Array): Promise<Limits> {
      const onChange = ({ error }: SharingChange) => {
        throw error;
      };
      const limits = await openLimits({
        overrides,
        salt,
        ...place,
        runtime: createRuntime(),
        onChange,
        answerWithinMs: patienceMs,
      });
      opened.push(limits);
      return limits;
    },
    close() {
      for (const limits of opened) limits.close();
    },
  };
}

/** As the test has turned it. */
function now(): number {
  return createRuntime().now();
}

/** The library and PostgreSQL's counters go by the process's own clock. */
async function turnDate(ms: number): Promise<void> {
  vi.setSystemTime(now() + ms);
}

export async function openMemory(): Promise<Place> {
  const opener = createOpener({});
  return {
    slackMs: 1,
    open: opener.open,
    turn: turnDate,
    [Symbol.asyncDispose]: async () => opener.close(),
  };
}

export const redisProblem = findRedisProblem();

export async function openRedisPlace(): Promise<Place> {
  const redis = await startRedis();
  const client = createClient({ url: redis.url });
  client.on('error', () => {});
  await client.connect();
  const opener = createOpener({ redis: redis.url });
  return {
    slackMs: 30_000,
    open: opener.open,
    // Redis has its own clock, which stays as it is: what is kept is kept shorter.
    async turn(ms) {
      await turnDate(ms);
      for (const key of await client.keys('*')) {
        await client.pExpire(key, (await client.pTTL(key)) - ms);
      }
    },
    async [Symbol.asyncDispose]() {
      opener.close();
      client.destroy();
      await redis[Symbol.asyncDispose]();
    },
  };
}

const postgresUrl =
  process.env['LATCHKEY_TEST_POSTGRES'] ?? 'postgres://root@127.0.0.1:5432/postgres';

const migrationPath = fileURLToPath(
  new URL('../../../drizzle/postgres/0001_rate_limits.sql', import.meta.url),
);

export const postgresProblem = await findPostgresProblem();

async function findPostgresProblem(): Promise<string | null> {
  const client = new Client({ connectionString: postgresUrl, connectionTimeoutMillis: 2_000 });
  try {
    await client.connect();
    await client.end();
    return null;
  } catch (error) {
    return `no PostgreSQL answers at LATCHKEY_TEST_POSTGRES (${String(error)})`;
  }
}

/** A database of its own with the table in it. */
export async function openTestPool(): Promise<AsyncDisposable & { readonly pool: Pool }> {
  const name = `latchkey_limits_${createRuntime().newId().replaceAll('-', '')}`;
  const owner = new Client({ connectionString: postgresUrl });
  await owner.connect();
  await owner.query(`CREATE DATABASE ${name}`);
  const url = new URL(postgresUrl);
  url.pathname = name;
  const pool = new Pool({ connectionString: url.href, max: 4 });
  await pool.query(await readFile(migrationPath, 'utf8'));
  return {
    pool,
    async [Symbol.asyncDispose]() {
      await pool.end();
      // Waits for the connections that are being closed.
      await owner.query(`DROP DATABASE ${name}`);
      await owner.end();
    },
  };
}

export async function openPostgresPlace(): Promise<Place> {
  const database = await openTestPool();
  const opener = createOpener({ pool: database.pool });
  return {
    slackMs: 1,
    open: opener.open,
    turn: turnDate,
    async [Symbol.asyncDispose]() {
      opener.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

const workerPath = fileURLToPath(new URL('cluster-worker.ts', import.meta.url));

/** This process is the primary; what is opened is in two workers by turns. */
export async function openClusterPlace(): Promise<Place> {
  cluster.setupPrimary({ exec: workerPath, execArgv: [], silent: false });
  const variables = serveClusterLimits();
  const workers = [cluster.fork(variables), cluster.fork(variables)] as const;
  await Promise.all(workers.map((worker) => once(worker, 'online')));
  const waiting = new Map<number, (reply: Reply) => void>();
  for (const worker of workers) {
    worker.on('message', (reply: Reply) => waiting.get(reply.id)?.(reply));
  }
  let lastId = 0;
  let opened = 0;

  async function ask(worker: Worker, request: Request['question']): Promise<void> {
    lastId += 1;
    const id = lastId;
    const answering = new Promise<Reply>((resolve) => waiting.set(id, resolve));
    worker.send({ id, question: request } satisfies Request);
    const { refusal } = await answering;
    if (refusal === null) return;
    if (refusal.retryAfterSeconds === undefined) throw new Error(refusal.message);
    const { retryAfterSeconds } = refusal;
    throw new LatchkeyError('rate_limited', { retryAfterSeconds });
  }

  return {
    slackMs: 1,
    async open(overrides, salt) {
      const worker = workers[opened % 2 === 0 ? 0 : 1];
      opened += 1;
      const number = opened;
      await ask(worker, {
        method: 'open',
        number,
        overrides,
        salt: Buffer.from(salt).toString('hex'),
        now: now(),
      });
      return {
        consume: (budgets) => ask(worker, { method: 'consume', number, budgets }),
        refund: (budgets) => ask(worker, { method: 'refund', number, budgets }),
        clear: (budgets) => ask(worker, { method: 'clear', number, budgets }),
      };
    },
    async turn(ms) {
      await turnDate(ms);
      for (const worker of workers) await ask(worker, { method: 'setTime', now: now() });
    },
    async [Symbol.asyncDispose]() {
      for (const worker of workers) {
        const exited = once(worker, 'exit');
        worker.process.kill('SIGKILL');
        await exited;
      }
    },
  };
}
