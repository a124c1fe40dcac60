import closeWithGrace from 'close-with-grace';
import { describeError } from './logger.ts';
import { start } from './start.ts';

/**
 * Serves in this process until it is told to end: SIGTERM and SIGINT drain, a second
 * one or ten seconds end it whatever is still open.
 *
 * @returns once it serves
 * @throws ConfigurationError with a line for each thing to mend
 */
export async function serve(
  variables: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const starting = start(variables);
  // Before it serves: whoever reads that it is ready may tell it to end at once.
  closeWithGrace({ delay: 9_500, logger: false }, async ({ err }) => {
    if (err) process.stderr.write(`${JSON.stringify(describeError(err))}\n`);
    const running = await starting;
    await running.stop();
  });
  await starting;
}
