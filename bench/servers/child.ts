import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The first message of a process under test: it is ready. */
export interface Ready {
  /** Where it serves; `null` for one that does its work without HTTP. */
  readonly url: string | null;
}

/** What the harness asks: to do so many operations, none to hear of the processor time alone. */
export interface Question {
  readonly operations: number;
}

/** The answer, once they are done. */
export interface Usage {
  /** Processor time of all threads since the process began, in microseconds. */
  readonly cpuMicros: number;
  /** Memory that it holds. */
  readonly residentBytes: number;
}

/** Listens on a free port of 127.0.0.1. */
export async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  // A TCP server that listens has such an address.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Tells the harness that all is ready, and answers it from then on. */
export function reportReady(
  url: string | null,
  run: (operations: number) => Promise<void> | void = () => {},
  readUsage: () => Usage = readOwnUsage,
): void {
  process.on('message', (question: Question) => {
    void (async () => {
      await run(question.operations);
      process.send?.(readUsage());
    })();
  });
  // The harness is gone: nobody else would stop this process.
  process.once('disconnect', () => process.exit());
  process.send?.({ url } satisfies Ready);
}

function readOwnUsage(): Usage {
  const { user, system } = process.cpuUsage();
  return { cpuMicros: user + system, residentBytes: process.memoryUsage.rss() };
}
