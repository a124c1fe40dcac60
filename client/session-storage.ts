/**
 * Where a session outlives the page or process: one string under a name of
 * the storage's own. Each method may answer at once or with a promise.
 *
 * The string holds the refresh token, so whoever reads it holds the session.
 * Access tokens are never stored.
 */
export interface SessionStorage {
  /**
   * A name that is the same for all clients that see the same content, and for
   * no other. With it they refresh one at a time and hear of each other's
   * sign-ins and sign-outs. Without it a client stands alone.
   */
  readonly scope?: string;
  /** What was set last, or `null`. */
  get(): string | null | Promise<string | null>;
  /** Replaces what is stored. */
  set(value: string): void | Promise<void>;
  /** Forgets what is stored; no error when there is nothing. */
  remove(): void | Promise<void>;
}

/** Keeps the session for as long as the page or process lives. The default. */
export function memoryStorage(): SessionStorage {
  let stored: string | null = null;
  return {
    get: () => stored,
    set: (value) => {
      stored = value;
    },
    remove: () => {
      stored = null;
    },
  };
}

/** What is needed of `localStorage`. */
export interface WebStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/**
 * Keeps the session in `localStorage`, for all tabs of the origin.
 *
 * Every script of the page can read it, so one injected script takes the
 * session away; cookie mode does not have that weakness. `sessionStorage` is
 * not a safer choice: duplicating a tab copies it, and the second copy of a
 * refresh token ends the session.
 *
 * @param storage `localStorage`, or anything alike
 * @param key under which it is stored; `latchkey` by default
 */
export function webStorage(storage: WebStorage, key = 'latchkey'): SessionStorage {
  return {
    scope: `latchkey:${key}`,
    get: () => storage.getItem(key),
    set: (value) => storage.setItem(key, value),
    remove: () => storage.removeItem(key),
  };
}
