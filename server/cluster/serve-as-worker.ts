import cluster from 'node:cluster';
import closeWithGrace from 'close-with-grace';
import { ConfigurationError } from '../config/configuration-error.ts';
import type { Environment } from '../config/environment.ts';
import { describeError } from '../logger.ts';
import { shareOfHashes } from '../passwords/password-hasher.ts';
import { start } from '../start.ts';
import { isMessage, type Message, type Order, type Report } from './between-processes.ts';

/** They reach every process of a terminal or a unit; what is to be done, the primary says. */
const signalsOfPrimary = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const;

/** Longer than the longest request and an idle connection may last, one after the other. */
const longestRetirementMs = 50_000;

/**
 * The primary has connections in hand that it gives away one at a time, each once the one before
 * was taken: a worker that left at once would leave them without an answer.
 */
const lastEntryMs = 100;

/**
 * Is one of the processes that serve: the same server as a process alone, under the orders
 * of the primary. Without one it ends.
 *
 * @param place among the workers, from 0
 */
export async function serveAsWorker(environment: Environment, place: number): Promise<void> {
  let isEnding = false;
  let delayMs = 0;
  const starting = start(environment, {
    hashesAtOnce: shareOfHashes({ index: place, count: environment.workers }),
    logFields: { pid: process.pid },
  });
  const closing = closeWithGrace(
    { delay: 9_500, logger: false, skip: [...signalsOfPrimary] },
    async ({ err }) => {
      if (err) process.stderr.write(`${JSON.stringify(describeError(err))}\n`);
      const running = await starting;
      await running.stop(err ? 0 : Math.max(delayMs, lastEntryMs));
    },
  );
  for (const signal of signalsOfPrimary) process.on(signal, () => {});

  function end(afterMs = 0): void {
    if (isEnding) return;
    isEnding = true;
    delayMs = afterMs;
    closing.close();
  }

  async function obey(order: Order): Promise<void> {
    if (order === 'stop' || order === 'give up') {
      end(order === 'stop' ? environment.stopDelayMs : 0);
      return;
    }
    const running = await starting;
    if (order === 'make first admin') {
      await report({ type: 'first admin', admin: await running.makeFirstAdmin() });
      return;
    }
    setTimeout(end, longestRetirementMs).unref();
    await running.retire();
    await report({ type: 'left' });
  }

  process.on('message', (message: unknown) => {
    if (isMessage<Order>(message)) obey(message.latchkey).catch(reportFailure);
  });
  const self = cluster.worker;
  self?.once('disconnect', () => {
    // Or node:cluster ends the process here, in the middle of whatever is under way.
    self.exitedAfterDisconnect = true;
    end();
  });
  try {
    const { address, created } = await starting;
    await report({ type: 'listening', address, created });
  } catch (error) {
    await reportFailure(error);
  }
}

/** Tells the primary, which says it once, what this worker cannot start with. */
async function reportFailure(error: unknown): Promise<void> {
  if (!(error instanceof ConfigurationError)) throw error;
  await report({ type: 'failed', problems: error.problems });
}

async function report(content: Report): Promise<void> {
  const message: Message<Report> = { latchkey: content };
  await new Promise<void>((resolve) => {
    // Where nobody hears it any more, the end of the primary is noticed without that.
    if (process.connected) process.send?.(message, undefined, undefined, () => resolve());
    else resolve();
  });
}
