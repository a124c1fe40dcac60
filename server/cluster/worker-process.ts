import cluster, { type Worker } from 'node:cluster';
import { ConfigurationError } from '../config/configuration-error.ts';
import {
  isMessage,
  lastReports,
  placeVariable,
  type Message,
  type Order,
  type Report,
} from './between-processes.ts';
import { closeUndelivered } from './close-undelivered.ts';

type Listening = Extract<Report, { type: 'listening' }>;
type MadeAdmin = Extract<Report, { type: 'first admin' }>;

/** How a worker ended. `null` and `null` when it could not even begin. */
export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A worker as the primary sees it. */
export interface WorkerProcess {
  readonly pid: number | undefined;
  /** Rejects with a ConfigurationError when it ends before it listens. */
  readonly listening: Promise<Listening>;
  readonly ended: Promise<Ended>;
  makeFirstAdmin(): Promise<MadeAdmin['admin']>;
  order(order: Order): void;
  kill(): void;
}

/**
 * Starts a worker: this program once more.
 *
 * @param variables beside those of this process
 */
export function forkWorker(
  place: number,
  variables: Readonly<Record<string, string>>,
): WorkerProcess {
  const worker = cluster.fork({ ...variables, [placeVariable]: String(place) });
  closeUndelivered(worker);
  const ended = untilEnded(worker);

  function order(content: Order): void {
    const message: Message<Order> = { latchkey: content };
    // To one that has ended meanwhile: its end is noticed without that.
    if (worker.isConnected()) worker.send(message, () => {});
  }

  function hear<Type extends Report['type']>(type: Type): Promise<Extract<Report, { type: Type }>> {
    return new Promise((resolve, reject) => {
      worker.on('message', (message: unknown) => {
        if (!isMessage<Report>(message)) return;
        const { latchkey: report } = message;
        if (report.type === 'failed') reject(new ConfigurationError(report.problems));
        // The comparison says which of the reports it is.
        else if (report.type === type) resolve(report as Extract<Report, { type: Type }>);
      });
      void ended.then((end) => reject(explainEnd(end)));
    });
  }

  worker.on('message', (message: unknown) => {
    if (!isMessage<Report>(message)) return;
    if (lastReports.includes(message.latchkey.type)) order('give up');
  });
  const listening = hear('listening');
  // Whoever stops meanwhile does not wait for it.
  listening.catch(() => {});
  return {
    pid: worker.process.pid,
    listening,
    ended,
    async makeFirstAdmin() {
      const made = hear('first admin');
      order('make first admin');
      return (await made).admin;
    },
    order,
    kill: () => worker.process.kill('SIGKILL'),
  };
}

function untilEnded(worker: Worker): Promise<Ended> {
  return new Promise((resolve) => {
    worker.once('exit', (code: number | null, signal: string | null) => resolve({ code, signal }));
    worker.on('error', () => {
      // Where there is no memory or process left; else `exit` tells.
      if (worker.process.pid === undefined) resolve({ code: null, signal: null });
    });
  });
}

function explainEnd({ code, signal }: Ended): ConfigurationError {
  const how = signal ?? (code === null ? 'no process' : `code ${code}`);
  return new ConfigurationError([
    `LATCHKEY_WORKERS: a worker ended with ${how} before it was ready. What it said stands above; where it was killed, choose fewer.`,
  ]);
}
