import { ConfigurationError } from './config/configuration-error.ts';
import { serve } from './serve.ts';

// The process of `npm start`: environment, server, drain.
try {
  await serve(process.env);
} catch (error) {
  if (!(error instanceof ConfigurationError)) throw error;
  for (const problem of error.problems) process.stderr.write(`${problem}\n`);
  process.exitCode = 1;
}
