import { reasons, type Reason } from '../../shared/reasons.ts';
import type { RefusalLog } from '../audit/refusal-log.ts';
import type { MetricRegistry } from './registry.ts';

/** Counts refusals by reason, of calls by whatever server and of requests that a host authenticates. */
export function createRefusalCounter(
  registry: MetricRegistry,
): (refusals: RefusalLog) => RefusalLog {
  const counter = registry.counter(
    'latchkey_refusals_total',
    'Refusals of procedures, OAuth forms and authenticate(), by reason, whoever serves them.',
    { labels: ['reason'] },
  );
  const names = Object.keys(reasons) as Reason[]; // The keys of that table are these names.
  for (const reason of names) counter.inc({ reason }, 0);

  return (refusals) => ({
    ...refusals,
    note(refusal) {
      counter.inc({ reason: refusal.reason });
      refusals.note(refusal);
    },
  });
}
