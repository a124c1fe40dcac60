import cluster from 'node:cluster';
import { isatty } from 'node:tty';
import closeWithGrace from 'close-with-grace';
import { ConfigurationError } from '../config/configuration-error.ts';
import type { Environment } from '../config/environment.ts';
import { serveClusterLimits } from '../limits/cluster-limits.ts';
import { createLogger, describeError } from '../logger.ts';
import { createRuntime } from '../runtime.ts';
import { announce } from '../start.ts';
import { placeVariable } from './between-processes.ts';
import { serveAsWorker } from './serve-as-worker.ts';
import { createWorkerPool } from './worker-pool.ts';
import { forkWorker } from './worker-process.ts';

/** Somewhat longer than a worker gives itself, so that its own end comes first. */
const stopMs = 9_700;

/**
 * Serves by so many workers as the environment says, on one port. This process serves nothing:
 * it hands connections to the workers in turn, and replaces those that die. Each worker runs
 * this program again and comes here too.
 *
 * @returns once all serve
 * @throws ConfigurationError with a line for each thing to mend
 */
export async function serveByWorkers(
  environment: Environment,
  variables: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  if (cluster.isPrimary) {
    await serveAsPrimary(environment);
    return;
  }
  const place = variables[placeVariable];
  if (place === undefined) {
    throw new ConfigurationError([
      'LATCHKEY_WORKERS: this process is a worker of another program already. Wanted: 1.',
    ]);
  }
  await serveAsWorker(environment, Number(place));
}

async function serveAsPrimary(environment: Environment): Promise<void> {
  const { settings, workers, logLevel } = environment;
  const logger = createLogger(logLevel, { pid: process.pid });
  // What all workers share beside the database begins here, before the first of them does.
  const shared = serveClusterLimits();
  if (settings.metrics) {
    const { gatherFromWorkers } = await import('../metrics/workers.ts');
    gatherFromWorkers();
  }
  const pool = createWorkerPool({
    size: workers,
    fork: (place) => forkWorker(place, shared),
    runtime: createRuntime(),
    logger,
  });
  const starting = pool.start();
  // A terminal that is closed says the same, and wants the end.
  const reloads = !isatty(0);
  closeWithGrace(
    {
      delay: stopMs,
      logger: false,
      skip: reloads ? ['SIGHUP'] : [],
      onSecondSignal: () => pool.kill(),
      onSecondError: () => pool.kill(),
      onTimeout: () => pool.kill(),
    },
    async ({ err }) => {
      if (err) process.stderr.write(`${JSON.stringify(describeError(err))}\n`);
      await starting;
      if (!(await pool.stop())) throw new Error('A worker did not end as it should.');
    },
  );
  if (reloads) {
    process.on('SIGHUP', () => {
      starting
        .then(() => pool.roll())
        .catch((error: unknown) =>
          logger.error(describeError(error), 'replacing the workers failed'),
        );
    });
  }
  announce(environment, { ...(await starting), workers });
}
