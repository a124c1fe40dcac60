import type { RefusalLog } from './audit/refusal-log.ts';
import { joinObservers, type CallObserver } from './http/watch-calls.ts';
import type { Limits } from './limits/limits.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics/metrics.ts';
import type { PasswordHasher } from './passwords/password-hasher.ts';
import type { Runtime } from './runtime.ts';
import type { Store } from './store/store.ts';
import type { AccessTokens } from './tokens/access-token.ts';
import { loadTraces } from './traces/load-traces.ts';

/** Metrics and traces as one: each part is handed through, and comes back as it was where nobody looks on. */
export interface Observers {
  /** Where they are wanted. */
  readonly metrics: Metrics | null;
  /** Whoever wants to hear of calls. */
  readonly calls: CallObserver | undefined;
  readonly measureHash: Metrics['measureHash'] | undefined;
  watchLogger(logger: Logger): Logger;
  watchStore(store: Store): Store;
  watchTokens(accessTokens: AccessTokens): AccessTokens;
  watchHasher(hasher: PasswordHasher): PasswordHasher;
  watchLimits(limits: Limits): Limits;
  watchRefusals(refusals: RefusalLog): RefusalLog;
  /** Nothing is counted any more. */
  close(): Promise<void>;
}

/** Loads what is wanted of them and nothing else: they are most of the code that a start would read. */
export async function loadObservers(wanted: {
  readonly metrics: boolean;
  readonly databaseSystem: Parameters<typeof loadTraces>[0];
  readonly runtime: Runtime;
}): Promise<Observers> {
  const metrics = wanted.metrics ? await loadMetrics(wanted.runtime) : null;
  const traces = await loadTraces(wanted.databaseSystem);

  return {
    metrics,
    calls: joinObservers([traces, metrics].flatMap((part) => part?.calls ?? [])),
    measureHash: metrics?.measureHash,
    watchLogger: (logger) => traces?.watchLogger(logger) ?? logger,
    watchStore(store) {
      const traced = traces?.watchStore(store) ?? store;
      return metrics?.watchStore(traced) ?? traced;
    },
    watchTokens: (accessTokens) => metrics?.watchTokens(accessTokens) ?? accessTokens,
    watchHasher(hasher) {
      const traced = traces?.watchHasher(hasher) ?? hasher;
      return metrics?.watchHasher(traced) ?? traced;
    },
    watchLimits: (limits) => metrics?.watchLimits(limits) ?? limits,
    watchRefusals: (refusals) => metrics?.watchRefusals(refusals) ?? refusals,
    close: async () => metrics?.close(),
  };
}

async function loadMetrics(runtime: Runtime): Promise<Metrics> {
  const { createMetrics } = await import('./metrics/create-metrics.ts');
  return createMetrics(runtime);
}
