import closeWithGrace from 'close-with-grace';

import { ConfigurationError } from './config/configuration-error.ts';
import { start } from './start.ts';

// The process of `npm start`: environment, server, drain.
try {
  const running = await start(process.env);
  // A second signal, or ten seconds, ends it whatever is still open.
  closeWithGrace({ delay: 9_500, logger: false }, async ({ err }) => {
    if (err) process.exitCode = 1;
    await running.stop();
  });
} catch (error) {
  if (!(error instanceof ConfigurationError)) throw error;
  for (const problem of error.problems) process.stderr.write(`${problem}\n`);
  process.exitCode = 1;
}
