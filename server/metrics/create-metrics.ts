import { Registry } from '@prometheus-io/client';
import { readPackageJson } from '../package-json.ts';
import type { Runtime } from '../runtime.ts';
import { createCallCounter } from './count-calls.ts';
import { createLimitCounter } from './count-limits.ts';
import { createRefusalCounter } from './count-refusals.ts';
import { createTokenCounter } from './count-token-lookups.ts';
import { createPasswordMeter } from './measure-passwords.ts';
import { createStoreMeter } from './measure-store.ts';
import type { Metrics } from './metrics.ts';
import { createMetricRegistry } from './registry.ts';
import { joinWorkers } from './workers.ts';

export function createMetrics(runtime: Runtime): Metrics {
  const registry = createMetricRegistry();
  registry.info('latchkey_build_info', 'The version that runs, as a label.', {
    version: readPackageJson().version,
  });
  registry.gauge('latchkey_processes', 'Processes whose figures these are.', () => 1);

  const { readAll, leave } = joinWorkers(registry.registries, runtime);

  return {
    calls: createCallCounter(registry, runtime),
    ...createPasswordMeter(registry, runtime),
    watchStore: createStoreMeter(registry, runtime),
    watchTokens: createTokenCounter(registry),
    watchLimits: createLimitCounter(registry),
    watchRefusals: createRefusalCounter(registry),
    async read() {
      const own = Registry.merge([...registry.registries]);
      return { text: (await readAll()) ?? (await own.metrics()), type: own.contentType };
    },
    close: leave,
  };
}
