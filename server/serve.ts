import closeWithGrace from 'close-with-grace';
import { readEnvironment, type Environment } from './config/environment.ts';
import { describeError } from './logger.ts';
import { announce, start, type RunningLatchkey } from './start.ts';

/**
 * Serves until it is told to end, in this process or by workers: SIGTERM and SIGINT drain, a
 * second one or ten seconds end it whatever is still open.
 *
 * @returns once it serves
 * @throws ConfigurationError with a line for each thing to mend
 */
export async function serve(
  variables: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const environment = readEnvironment(variables);
  if (environment.workers > 1) {
    const { serveByWorkers } = await import('./cluster/serve-by-workers.ts');
    await serveByWorkers(environment, variables);
  } else {
    await serveAlone(environment);
  }
}

async function serveAlone(environment: Environment): Promise<void> {
  const starting = startAlone(environment);
  // Before it serves: whoever reads that it is ready may tell it to end at once.
  closeWithGrace({ delay: 9_500, logger: false }, async ({ err }) => {
    if (err) process.stderr.write(`${JSON.stringify(describeError(err))}\n`);
    const running = await starting;
    await running.stop(err ? 0 : environment.stopDelayMs);
  });
  await starting;
}

async function startAlone(environment: Environment): Promise<RunningLatchkey> {
  const running = await start(environment);
  try {
    // Not before it listens: a password that is shown once must not be lost to a port in use.
    const admin = await running.makeFirstAdmin();
    announce(environment, { ...running, admin, workers: 1 });
    return running;
  } catch (error) {
    await running.stop();
    throw error;
  }
}
