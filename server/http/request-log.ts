import type { Logger } from '../logger.ts';
import type { Runtime } from '../runtime.ts';

/** A line for each request is worth having up to this many a second; a flood is worth counting. */
const linesPerSecond = 200;

export interface RequestLine {
  readonly method: string;
  readonly path: string | undefined;
  readonly status: number;
  /** Milliseconds. */
  readonly ms: number;
}

/** Logs requests, so that no flood of them fills a disk: beyond the bound they are counted. */
export function createRequestLog(logger: Logger, runtime: Runtime): (line: RequestLine) => void {
  let second = 0;
  let written = 0;
  let left = 0;
  return (line) => {
    const now = Math.floor(runtime.now() / 1_000);
    if (now !== second) {
      if (left > 0) logger.warn({ requests: left }, 'requests not logged');
      second = now;
      written = left = 0;
    }
    if (written >= linesPerSecond) {
      left += 1;
      return;
    }
    written += 1;
    logger.info(line, 'request');
  };
}
