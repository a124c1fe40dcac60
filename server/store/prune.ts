import type { Runtime } from '../runtime.ts';
import type { Store } from './store.ts';

const everyMs = 60_000;
/** Rows of a bite, so that it holds the event loop and the database for a few milliseconds. */
export const prunedAtOnce = 16;
/** Between two bites, so that pruning has a tenth of the time at most. */
const pauseMs = 50;

/** How long rows stay that nobody needs any more. */
export interface Kept {
  /** After the end of a session's lifetime, to say that it has ended. */
  readonly sessionsMs: number;
  readonly auditEventsMs: number;
  /** After a key has retired. */
  readonly signingKeysMs: number;
}

/**
 * Deletes what is older, every minute, however much there is, in bites that no call feels.
 *
 * @returns what stops it
 */
export function startPruning(
  store: Store,
  runtime: Runtime,
  { kept, onError }: { kept: Kept; onError: (error: unknown) => void },
): () => void {
  let isUnderWay = false;
  let isStopped = false;

  async function inBites(prune: (limit: number) => Promise<number>): Promise<void> {
    while (!isStopped && (await prune(prunedAtOnce)) === prunedAtOnce) {
      await runtime.delay(pauseMs);
    }
  }

  async function prune(): Promise<void> {
    const now = runtime.now();
    await inBites((limit) => store.pruneSessions({ before: now - kept.sessionsMs, limit }));
    await inBites((limit) => store.pruneAuditEvents({ before: now - kept.auditEventsMs, limit }));
    if (!isStopped) await store.pruneSigningKeys(now - kept.signingKeysMs);
  }

  const stop = runtime.every(everyMs, () => {
    // What a long absence has left takes more than a minute.
    if (isUnderWay) return;
    isUnderWay = true;
    void prune()
      .catch(onError)
      .finally(() => {
        isUnderWay = false;
      });
  });
  return () => {
    isStopped = true;
    stop();
  };
}
