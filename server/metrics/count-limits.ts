import { LatchkeyError } from '../../shared/latchkey-error.ts';
import { defaultLimits, type Limits } from '../limits/limits.ts';
import type { MetricRegistry } from './registry.ts';

/** Counts calls that a limit refused, by its name. */
export function createLimitCounter(registry: MetricRegistry): (limits: Limits) => Limits {
  const refused = registry.counter(
    'latchkey_limits_refused_total',
    'Calls that a rate limit refused, by its name.',
    { labels: ['limit'] },
  );
  for (const limit of Object.keys(defaultLimits)) refused.inc({ limit }, 0);

  return (limits) => ({
    ...limits,
    async consume(budgets) {
      try {
        await limits.consume(budgets);
      } catch (error) {
        if (error instanceof LatchkeyError && error.reason === 'rate_limited') {
          refused.inc({ limit: error.limit ?? 'unknown' });
        }
        throw error;
      }
    },
  });
}
