import { createClientRuntime, type ClientRuntime } from '../runtime.ts';

/** A runtime whose clock stands still until it is turned. */
export interface TestRuntime extends ClientRuntime {
  advance(seconds: number): void;
  /** Lets every time-out that is running pass. */
  passTimeouts(): void;
}

/** Real locks and channels, the test's own time. */
export function createTestRuntime(changes: Partial<ClientRuntime> = {}): TestRuntime {
  let nowMs = 1_000_000;
  let timeouts: AbortController[] = [];
  return {
    ...createClientRuntime(),
    now: () => nowMs,
    timeout: () => {
      const controller = new AbortController();
      timeouts.push(controller);
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
