import type { Logger } from '../logger.ts';
import type { Runtime } from '../runtime.ts';

/** A line for each request is worth having up to this many a second; a flood is worth counting. */
const linesPerSecond = 200;

export interface AnsweredRequest {
  readonly requestId: string;
  readonly method: string;
  /** Path and query; the query is not logged. */
  readonly target: string;
  readonly status: number;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

const maxPathLength = 128;

/** Logs requests, so that no flood of them fills a disk: beyond the bound they are counted. */
export function createRequestLog(
  logger: Logger,
  runtime: Runtime,
): (request: AnsweredRequest) => void {
  let second = 0;
  let written = 0;
  let left = 0;
  return ({ requestId, method, target, status, startedAt }) => {
    const now = runtime.now();
    const currentSecond = Math.floor(now / 1_000);
    if (currentSecond !== second) {
      if (left > 0) logger.warn({ requests: left }, 'requests not logged');
      second = currentSecond;
      written = left = 0;
    }
    if (written >= linesPerSecond) {
      left += 1;
      return;
    }
    written += 1;
    const path = target.split('?', 1)[0]?.slice(0, maxPathLength);
    const ms = Math.round(now - startedAt);
    logger.info({ requestId, method, path, status, ms }, 'request');
  };
}
