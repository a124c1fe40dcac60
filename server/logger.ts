import { pino } from 'pino';
import { ConfigurationError } from './config/configuration-error.ts';
import type { LogLevel } from './config/environment.ts';

/** What is logged: chosen fields and a constant message. Never an input, a header or a message of an error. */
export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * One JSON object a line on stdout.
 *
 * @param base in every line; nothing by default
 */
export function createLogger(level: LogLevel, base: object | null = null): Logger {
  return pino({
    level,
    base,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
}

/** Says nothing; for tests. */
export const silentLogger: Logger = { info() {}, warn() {}, error() {} };

/** A cause may have a cause, and so on in a ring. */
const maxCauses = 4;

/**
 * What may be said of an unexpected error: names, codes and places in the code.
 * Its message stays out, because a database driver writes parameters into it.
 */
export function describeError(error: unknown): object {
  return describe(error, maxCauses);
}

function describe(error: unknown, causes: number): object {
  if (!(error instanceof Error)) return { error: typeof error };
  return {
    error: error.name,
    ...('code' in error && typeof error.code === 'string' ? { code: error.code } : {}),
    // These lines are for whoever has to mend it, and hold no values.
    ...(error instanceof ConfigurationError ? { problems: error.problems } : {}),
    // The message stands in front, and lines of it may look like places.
    at: (error.stack ?? '')
      .replace(error.message, '')
      .split('\n')
      .filter((line) => /^\s+at /.test(line))
      .slice(0, 8)
      .map((line) => line.trim()),
    ...(error.cause === undefined || causes === 0
      ? {}
      : { cause: describe(error.cause, causes - 1) }),
  };
}
