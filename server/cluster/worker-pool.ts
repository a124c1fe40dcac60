import { ConfigurationError } from '../config/configuration-error.ts';
import type { Logger } from '../logger.ts';
import type { Runtime } from '../runtime.ts';
import type { RunningLatchkey, FirstAdmin } from '../start.ts';
import { createBackOff } from './back-off.ts';
import type { WorkerProcess } from './worker-process.ts';

/** What a start has made, of all workers together. */
export interface Started {
  readonly address: string;
  readonly created: RunningLatchkey['created'];
  readonly admin: FirstAdmin | null;
}

/** So many workers at all times, whatever becomes of each. */
export interface WorkerPool {
  /**
   * Starts all at once.
   *
   * @throws ConfigurationError of the first that cannot start, once all have ended
   */
  start(): Promise<Started>;
  /**
   * Replaces each by a new one, one after the other. An old one leaves when the new one listens;
   * when that does not come to it, those that are there stay.
   */
  roll(): Promise<void>;
  /**
   * Ends all, each when it has answered what was under way.
   *
   * @returns whether none of them failed to
   */
  stop(): Promise<boolean>;
  /** Ends all at once. */
  kill(): void;
}

/** One place among the workers, which one after the other has. */
interface Place {
  current: WorkerProcess;
  /** Replacing, in whichever way: one after the other. */
  work: Promise<void>;
  readonly nextDelayMs: () => number;
}

export function createWorkerPool(options: {
  readonly size: number;
  readonly fork: (place: number) => WorkerProcess;
  readonly runtime: Runtime;
  readonly logger: Logger;
}): WorkerPool {
  const { size, runtime, logger } = options;
  const alive = new Set<WorkerProcess>();
  let places: Place[] = [];
  let isStopping = false;
  let rolling: Promise<void> | null = null;
  let rollsAgain = false;

  function fork(place: number): WorkerProcess {
    const worker = options.fork(place);
    alive.add(worker);
    void worker.ended.then(() => alive.delete(worker));
    return worker;
  }

  /** Replaces a worker when it has ended without being told to. */
  function watch(number: number, place: Place): void {
    const worker = place.current;
    void worker.ended.then(({ code, signal }) => {
      if (isStopping) return;
      const isRetired = place.current !== worker;
      if (isRetired && code === 0) return;
      logger.error({ worker: worker.pid, code, signal }, 'a worker has died');
      if (!isRetired) place.work = place.work.then(() => replace(number, place, worker));
    });
  }

  async function replace(number: number, place: Place, dead: WorkerProcess): Promise<void> {
    while (place.current === dead) {
      const delayMs = place.nextDelayMs();
      if (delayMs > 0) logger.warn({ delayMs }, 'a worker that keeps dying is replaced later');
      await runtime.delay(delayMs);
      if (isStopping) return;
      await take(number, place);
    }
  }

  /** @returns whether a new worker has the place now */
  async function take(number: number, place: Place): Promise<boolean> {
    const worker = fork(number);
    try {
      await worker.listening;
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      if (!isStopping) {
        logger.error({ worker: worker.pid, problems: error.problems }, 'a worker cannot start');
      }
      await worker.ended;
      return false;
    }
    place.current = worker;
    watch(number, place);
    logger.info({ worker: worker.pid }, 'a worker is ready');
    return true;
  }

  async function rollAll(): Promise<void> {
    logger.info({}, 'the workers are replaced one after the other');
    for (const [number, place] of places.entries()) {
      const isTaken = await inTurn(place, async () => {
        if (isStopping) return false;
        const old = place.current;
        if (!(await take(number, place))) return false;
        old.order('retire');
        return true;
      });
      if (isStopping) return;
      if (!isTaken) {
        logger.error({}, 'the workers are not replaced: a new one cannot start');
        return;
      }
    }
    logger.info({}, 'the workers are replaced');
  }

  async function stop(order: 'stop' | 'give up'): Promise<boolean> {
    isStopping = true;
    const ends = [...alive].map((worker) => {
      worker.order(order);
      return worker.ended;
    });
    return (await Promise.all(ends)).every(({ code }) => code === 0);
  }

  return {
    async start() {
      const workers = Array.from({ length: size }, (_, number) => fork(number));
      const [first] = workers;
      if (!first) throw new Error('There has to be a worker.');
      try {
        const reports = await Promise.all(workers.map(({ listening }) => listening));
        const admin = await first.makeFirstAdmin();
        places = workers.map((current) => ({
          current,
          work: Promise.resolve(),
          nextDelayMs: createBackOff(() => runtime.now()),
        }));
        for (const [number, place] of places.entries()) watch(number, place);
        const all = reports.map(({ created }) => created);
        return {
          address: (await first.listening).address,
          created: {
            database: all.some(({ database }) => database),
            migrations: Math.max(...all.map(({ migrations }) => migrations)),
            secretPath: all.find(({ secretPath }) => secretPath !== null)?.secretPath ?? null,
          },
          admin,
        };
      } catch (error) {
        await stop('give up');
        throw error;
      }
    },

    roll() {
      if (rolling) {
        // What was there when it began may have changed again.
        rollsAgain = true;
        return rolling;
      }
      rolling = (async () => {
        do {
          rollsAgain = false;
          await rollAll();
        } while (rollsAgain && !isStopping);
      })().finally(() => {
        rolling = null;
      });
      return rolling;
    },

    stop: () => stop('stop'),

    kill() {
      for (const worker of alive) worker.kill();
    },
  };
}

/** Does it after what is under way at that place. */
async function inTurn<T>(place: Place, work: () => Promise<T>): Promise<T> {
  const result = place.work.then(work);
  place.work = result.then(() => {});
  return result;
}
