import type { ClientRuntime } from './runtime.ts';

/** The other clients, in this tab or another, that hold the same session. */
export interface Tabs {
  /** Runs the task while no other client of the same session runs one, and says if one did. */
  readonly exclusive: <T>(task: (hasWaited: boolean) => Promise<T>) => Promise<T>;
  /** Tells all others. */
  readonly post: (message: unknown) => void;
  /** Hears and tells nothing any more. */
  readonly close: () => void;
}

/**
 * Joins the clients of one session.
 *
 * @param scope the name they share, or `undefined` for a client that stands alone
 */
export function createTabs(
  scope: string | undefined,
  runtime: ClientRuntime,
  onMessage: (message: unknown) => void,
): Tabs {
  let channel = scope === undefined ? undefined : runtime.openChannel(scope);
  channel?.addEventListener('message', (event) => onMessage((event as MessageEvent).data));
  const inTurn = createQueue();

  function exclusive<T>(task: (hasWaited: boolean) => Promise<T>): Promise<T> {
    const { locks } = runtime;
    if (scope === undefined || !locks) return inTurn(() => task(false));
    return locks.request(scope, { ifAvailable: true }, (lock) =>
      lock ? task(false) : locks.request(scope, {}, () => task(true)),
    );
  }
  function post(message: unknown): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has its own origin alone
    channel?.postMessage(message);
  }
  function close(): void {
    channel?.close();
    channel = undefined;
  }
  return { exclusive, post, close };
}

/** Makes a function that runs what it is given one after the other. */
export function createQueue(): <T>(task: () => T | Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const turn = last.then(task);
    // Whoever asked hears of the failure; the next in line need not.
    last = turn.catch(() => undefined);
    return turn;
  };
}
