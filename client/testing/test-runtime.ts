import { createClientRuntime, type ClientRuntime } from '../runtime.ts';

/** A runtime whose clock stands still until it is turned. */
export interface TestRuntime extends ClientRuntime {
  advance(seconds: number): void;
  /** Lets every time-out that is running pass; those of less than 100 ms do so by themselves. */
  passTimeouts(): void;
}

/** Real locks and channels, the test's own time. */
export function createTestRuntime(changes: Partial<ClientRuntime> = {}): TestRuntime {
  let nowMs = 1_000_000;
  let timeouts: AbortController[] = [];
  return {
    ...createClientRuntime(),
    now: () => nowMs,
    timeout: (delayMs) => {
      const controller = new AbortController();
      // What is shorter than any request only gives others their turn.
      if (delayMs < 100) setImmediate(() => controller.abort());
      else timeouts.push(controller);
      return controller.signal;
    },
    advance: (seconds) => {
      nowMs += seconds * 1000;
    },
    passTimeouts: () => {
      for (const controller of timeouts) controller.abort(new DOMException('', 'TimeoutError'));
      timeouts = [];
    },
    ...changes,
  };
}
