import type { Runtime } from '../../runtime.ts';
import { isBusy, overloaded, toStoreError } from './sqlite-error.ts';

/** How long the first in line waits between two tries: about 13 ms, never in step with another process. */
const shortestPauseMs = 5;
const pauseSpreadMs = 16;
/** So many tries make about two seconds. Counted, because a clock can be set back. */
const maxTries = 140;
/** What the line holds when the lock is let go is done within about a second. */
const maxWaiting = 500;

/**
 * Runs synchronous work on the database, and again later while another process
 * holds the lock.
 *
 * @throws LatchkeyError `overloaded` when the lock is held for two seconds or too many
 *   wait for it, and when the database cannot do the work: full, read-only, damaged
 */
export type LockLine = <T>(work: () => T) => Promise<T>;

interface Waiting {
  /** Whether the work came to an end, good or bad. */
  attempt(): boolean;
  giveUp(): void;
  /** The try of the line after which it gives up. */
  readonly lastTry: number;
}

/**
 * Calls that find the database locked stand in one line, and the first tries for
 * all: each try may stop the event loop for SQLite's own short wait, so that a
 * try for each call would stop it for good.
 */
export function createLockLine(runtime: Runtime): LockLine {
  const line: Waiting[] = [];
  let tries = 0;
  let isMoving = false;

  async function moveOn(): Promise<void> {
    isMoving = true;
    let isFree = false;
    for (let first = line[0]; first; first = line[0]) {
      // Between two calls that get through, everything else has its turn of the event loop.
      await runtime.delay(isFree ? 0 : pauseMs());
      isFree = first.attempt();
      if (isFree) {
        line.shift();
      } else {
        tries += 1;
        while (line[0] && line[0].lastTry <= tries) line.shift()?.giveUp();
      }
    }
    isMoving = false;
  }

  function pauseMs(): number {
    const random = (runtime.randomBytes(1)[0] ?? 0) / 256;
    return shortestPauseMs + random * pauseSpreadMs;
  }

  return <T>(work: () => T) =>
    new Promise<T>((resolve, reject) => {
      function attempt(): boolean {
        try {
          resolve(work());
        } catch (error) {
          if (isBusy(error)) return false;
          reject(toStoreError(error));
        }
        return true;
      }
      function giveUp(): void {
        reject(overloaded('SQLITE_BUSY'));
      }
      if (line.length === 0 && attempt()) return;
      if (line.length >= maxWaiting) {
        giveUp();
        return;
      }
      line.push({ attempt, giveUp, lastTry: tries + maxTries });
      if (!isMoving) void moveOn();
    });
}
