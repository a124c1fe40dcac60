/** What the client uses of a `LockManager` (Web Locks, §2.4). */
interface Locks {
  request<T>(
    name: string,
    options: { readonly ifAvailable?: boolean },
    task: (lock: unknown) => Promise<T>,
  ): Promise<T>;
}

/** What the client uses of a `BroadcastChannel`. */
export interface Channel {
  postMessage(message: unknown): void;
  addEventListener(type: 'message', listener: (event: Event) => void): void;
  close(): void;
}

/**
 * The one door through which time and the world around this tab come in, so
 * that a test can turn the clock and take things away.
 */
export interface ClientRuntime {
  /** Milliseconds that only ever grow; where they began means nothing. */
  now(): number;
  /** A signal that aborts after about that many milliseconds. */
  timeout(delayMs: number): AbortSignal;
  /** Locks that reach across tabs; absent in insecure contexts and before Node 24.5. */
  readonly locks: Locks | undefined;
  /** Whether cookies are kept here and shared by all tabs; a server has no such jar. */
  readonly hasCookieJar: boolean;
  /** A channel to the other tabs of this origin, where there are such channels. */
  openChannel(name: string): Channel | undefined;
}

/** Builds the runtime of the browser or process that this runs in. */
export function createClientRuntime(): ClientRuntime {
  return {
    now: () => performance.now(),
    timeout: (delayMs) => AbortSignal.timeout(delayMs),
    locks: globalThis.navigator?.locks,
    hasCookieJar: 'document' in globalThis,
    openChannel,
  };
}

function openChannel(name: string): Channel | undefined {
  if (typeof BroadcastChannel === 'undefined') return undefined;
  // Node alone has it: listening to other workers must not keep a process alive.
  const channel: Channel & { unref?(): void } = new BroadcastChannel(name);
  channel.unref?.();
  return channel;
}
