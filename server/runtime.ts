import { randomBytes, randomUUID } from 'node:crypto';
import { V7Generator } from 'uuidv7';

/**
 * The one door through which time and randomness come in, so that a test can
 * turn the clock and nothing else has to know.
 */
export interface Runtime {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Milliseconds of a clock that nobody can set, from some moment on: for how long ago something was. */
  elapsed(): number;
  /** Bytes from the operating system's cryptographic generator. */
  randomBytes(size: number): Buffer;
  /** A UUID of version 7 (RFC 9562 §5.7): in order of creation within a process. */
  newId(): string;
  /** One of version 4 (§5.4), in no order and at a fifth of the cost: for what every request needs. */
  randomId(): string;
  /** Resolves after about that many milliseconds. */
  delay(delayMs: number): Promise<void>;
  /** Calls again and again until the returned function is called; keeps no process alive. */
  every(intervalMs: number, work: () => void): () => void;
}

/** Builds the runtime of the operating system. `now` may be replaced to turn the clock. */
export function createRuntime(now: () => number = Date.now): Runtime {
  const ids = new V7Generator();
  return {
    now,
    elapsed: () => performance.now(),
    randomBytes,
    randomId: () => randomUUID(),
    newId: () => ids.generateOrResetWithTs(now()).toString(),
    delay: (delayMs) =>
      new Promise((resolve) => {
        setTimeout(resolve, delayMs);
      }),
    every: (intervalMs, work) => {
      const timer = setInterval(work, intervalMs).unref();
      return () => clearInterval(timer);
    },
  };
}
