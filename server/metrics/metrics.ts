import type { RefusalLog } from '../audit/refusal-log.ts';
import type { MetricsText } from '../http/metrics-route.ts';
import type { CallObserver } from '../http/watch-calls.ts';
import type { Limits } from '../limits/limits.ts';
import type { PasswordHasher } from '../passwords/password-hasher.ts';
import type { Store } from '../store/store.ts';
import type { AccessTokens } from '../tokens/access-token.ts';

/** The figures of one composition. Each part is handed through and comes back with a counter beside it. */
export interface Metrics {
  readonly calls: CallObserver;
  watchStore(store: Store): Store;
  watchTokens(accessTokens: AccessTokens): AccessTokens;
  watchLimits(limits: Limits): Limits;
  watchRefusals(refusals: RefusalLog): RefusalLog;
  watchHasher(hasher: PasswordHasher): PasswordHasher;
  /** Takes the time of a hash without its wait. */
  measureHash<T>(work: () => Promise<T>): Promise<T>;
  /** All figures as Prometheus reads them, of all processes where they are workers of one primary. */
  read(): Promise<MetricsText>;
  /** Nothing is counted any more. */
  close(): Promise<void>;
}
