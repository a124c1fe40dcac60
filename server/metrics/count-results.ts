import type { MetricRegistry } from './registry.ts';

/**
 * A counter by `result`, all of which are there from the start: a rate needs a zero to begin with.
 *
 * @returns a function for each result that counts one
 */
export function countResults<Result extends string>(
  registry: MetricRegistry,
  results: readonly Result[],
  [name, help]: readonly [name: string, help: string],
): Readonly<Record<Result, () => void>> {
  const counter = registry.counter(name, help, { labels: ['result'] });
  const counts = results.map((result) => {
    const bound = counter.labels({ result });
    bound.inc(0);
    return [result, () => bound.inc()] as const;
  });
  return Object.fromEntries(counts) as Record<Result, () => void>; // One for each of them.
}
