import {
  collectDefaultMetrics,
  Counter,
  Gauge,
  Histogram,
  Registry,
  type PrometheusContentType,
} from '@prometheus-io/client';

/** What a metric is made of, beside its name and what it says. */
interface MetricOptions<Label extends string> {
  readonly labels?: readonly Label[];
}

/** Where the metrics of one composition are: never the library's own registry, which is the host's. */
export interface MetricRegistry {
  counter<Label extends string = never>(
    name: string,
    help: string,
    options?: MetricOptions<Label>,
  ): Counter<Label>;
  histogram<Label extends string = never>(
    name: string,
    help: string,
    options: MetricOptions<Label> & { readonly buckets: readonly number[] },
  ): Histogram<Label>;
  /** Of several processes the sum. */
  gauge(name: string, help: string, read: () => number): void;
  /** One that says something by its labels. */
  info(name: string, help: string, labels: Readonly<Record<string, string>>): void;
  /** All of them, with those of the process. */
  readonly registries: readonly Registry<PrometheusContentType>[];
}

export function createMetricRegistry(): MetricRegistry {
  const registry = new Registry<PrometheusContentType>();
  const registers = [registry];

  return {
    counter: (name, help, { labels = [] } = {}) =>
      new Counter({ name, help, labelNames: [...labels], registers }),
    histogram: (name, help, { labels = [], buckets }) =>
      new Histogram({ name, help, labelNames: [...labels], buckets: [...buckets], registers }),
    gauge(name, help, read) {
      // oxlint-disable-next-line no-new -- it registers itself
      new Gauge({
        name,
        help,
        registers,
        aggregator: 'sum',
        collect() {
          this.set(read());
        },
      });
    },
    info(name, help, labels) {
      const labelNames = Object.keys(labels);
      new Gauge({ name, help, labelNames, registers, aggregator: 'first' }).set(labels, 1);
    },
    registries: [registry, processRegistry()],
  };
}

let ofProcess: Registry<PrometheusContentType> | undefined;

/**
 * Event loop, memory, garbage collection. Made once for a process, because the library's
 * collectors cannot be stopped: each composition would leave its timers behind.
 */
function processRegistry(): Registry<PrometheusContentType> {
  if (ofProcess) return ofProcess;
  const register = (ofProcess = new Registry<PrometheusContentType>());
  collectDefaultMetrics({ register });
  // Its quantiles would be added up where processes are; the histogram beside it says the same.
  register.removeSingleMetric('nodejs_eventloop_utilization_summary');
  return register;
}
