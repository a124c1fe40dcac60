import type { CallObserver, CallOutcome } from '../http/watch-calls.ts';
import type { Runtime } from '../runtime.ts';
import type { MetricRegistry } from './registry.ts';

/** From what memory answers to a sign-in that waits for its hash, in seconds. */
const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Bound to its labels: to look them up costs more than to count. */
interface CallCounts {
  readonly duration: { observe(seconds: number): void };
  readonly outcomes: Map<CallOutcome, { inc(): void }>;
}

/** Counts calls by procedure and outcome, and how long they took. */
export function createCallCounter(
  registry: MetricRegistry,
  runtime: Pick<Runtime, 'elapsed'>,
): CallObserver {
  const calls = registry.counter(
    'latchkey_requests_total',
    'Calls of procedures and OAuth forms by how they ended: ok, a reason, or other for an error of the host.',
    { labels: ['procedure', 'reason'] },
  );
  const durations = registry.histogram(
    'latchkey_request_duration_seconds',
    'How long a procedure or an OAuth form took, from its context to its result.',
    { labels: ['procedure'], buckets },
  );
  const byPath = new Map<string, CallCounts>();

  function countsOf(path: string): CallCounts {
    let known = byPath.get(path);
    if (!known) {
      known = { duration: durations.labels({ procedure: path }), outcomes: new Map() };
      byPath.set(path, known);
    }
    return known;
  }

  function count({ outcomes }: CallCounts, procedure: string, reason: CallOutcome): void {
    let bound = outcomes.get(reason);
    if (!bound) outcomes.set(reason, (bound = calls.labels({ procedure, reason })));
    bound.inc();
  }

  return {
    request: (_request, work) => work(),

    async call(path, run, outcomeOf) {
      const counts = countsOf(path);
      const startedAt = runtime.elapsed();
      let outcome: CallOutcome = 'ok';
      try {
        const value = await run();
        outcome = outcomeOf({ value });
        return value;
      } catch (error) {
        outcome = outcomeOf({ error });
        throw error;
      } finally {
        counts.duration.observe((runtime.elapsed() - startedAt) / 1_000);
        count(counts, path, outcome);
      }
    },

    refusal(path, outcome) {
      count(countsOf(path), path, outcome);
    },
  };
}
