import { randomBytes } from 'node:crypto';
import { startProcess, type ServerProcess } from '../contract/server-process.ts';

/** One of some servers on one database. */
export interface RunningProcess extends Pick<
  ServerProcess,
  'ended' | 'kill' | 'pid' | 'stderr' | 'stdout'
> {
  readonly url: string;
}

/** Servers that know each other through what they share alone. */
export interface Processes<Each = RunningProcess> extends AsyncDisposable {
  readonly processes: readonly [Each, ...Each[]];
  /** What each was started with, to start another one. */
  readonly variables: Readonly<Record<string, string>>;
}

export interface ProcessesOptions {
  readonly count: number;
  /** As `DATABASE_URL` has it. */
  readonly database: string;
  /** As `REDIS_URL` has it. */
  readonly redis?: string;
  /** Beside a common secret and issuer. */
  readonly variables?: Readonly<Record<string, string>>;
}

/**
 * Starts so many processes at once on one database, as on so many machines: each has a port of
 * its own, and all have one secret and one issuer. Resolves when all are ready.
 */
export async function startProcesses(options: ProcessesOptions): Promise<Processes> {
  const { count, database, redis } = options;
  const variables = {
    DATABASE_URL: database,
    ...(redis === undefined ? {} : { REDIS_URL: redis }),
    LATCHKEY_SECRET: randomBytes(32).toString('base64url'),
    LATCHKEY_URL: 'http://localhost:4000',
    ...options.variables,
  };
  const started = Array.from({ length: count }, () => startProcess(variables));
  async function dispose(): Promise<void> {
    await Promise.all(started.map((each) => each[Symbol.asyncDispose]()));
  }
  try {
    const [first, ...others] = await Promise.all(
      started.map(async (each) => ({ ...each, url: await each.ready })),
    );
    if (!first) throw new Error('count: wanted is 1 or more.');
    return { processes: [first, ...others], variables, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
