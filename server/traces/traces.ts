import type { CallObserver } from '../http/watch-calls.ts';
import type { Logger } from '../logger.ts';
import type { PasswordHasher } from '../passwords/password-hasher.ts';
import type { Store } from '../store/store.ts';

/** Spans of one composition. Each part is handed through and comes back with spans around its work. */
export interface Traces {
  readonly calls: CallObserver;
  watchStore(store: Store): Store;
  watchHasher(hasher: PasswordHasher): PasswordHasher;
  /** Says in each line of which span it is. */
  watchLogger(logger: Logger): Logger;
}
