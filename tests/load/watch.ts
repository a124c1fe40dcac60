import { readdirSync } from 'node:fs';

/**
 * Loaded into a server before its own code: on SIGWINCH it collects garbage and writes what it
 * holds, so that what grows is seen where it is and not guessed from outside.
 */
export interface Holdings {
  /** MiB of JavaScript, after a collection. */
  readonly heap: number;
  /** MiB of the process. */
  readonly rss: number;
  /** File descriptors, sockets among them. */
  readonly files: number;
  /** What keeps an event loop alive, by kind. */
  readonly resources: Readonly<Record<string, number>>;
}

process.on('SIGWINCH', () => {
  globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  const resources: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
  const files = readdirSync('/proc/self/fd').length;
  const holdings: Holdings = { heap: heapUsed / 2 ** 20, rss: rss / 2 ** 20, files, resources };
  process.stderr.write(`holdings ${JSON.stringify(holdings)}\n`);
});
