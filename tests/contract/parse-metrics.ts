/** A series of Prometheus' text format 0.0.4. */
export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric with all its series. */
export interface ParsedMetric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly series: readonly Series[];
}

// Values as Go reads them, whatever the case of a NaN.
const seriesForm = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (-?[\d.e+-]+|NaN|[+-]Inf)$/i;
const labelForm = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)/gy;

/**
 * Reads the text strictly: help, type and series of each metric, each series once, and no line of
 * any other form.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function parseMetrics(text: string): ReadonlyMap<string, ParsedMetric> {
  if (!text.endsWith('\n')) throw new Error('The last line does not end.');
  const metrics = new Map<string, ParsedMetric>();
  for (const block of text.trimEnd().split('\n\n')) {
    const [first = '', second = '', ...lines] = block.split('\n');
    const [, name = '', help = ''] = /^# HELP (\S+) (.+)$/.exec(first) ?? [];
    const [, typed, type = ''] =
      /^# TYPE (\S+) (counter|gauge|histogram|summary)$/.exec(second) ?? [];
    if (name === '' || typed !== name) throw new Error(`Not the head of a metric: ${first}`);
    if (metrics.has(name)) throw new Error(`Twice: ${name}`);
    const series = lines.map(readSeries);
    const distinct = new Set(series.map((each) => JSON.stringify([each.name, each.labels])));
    if (distinct.size !== series.length) throw new Error(`A series of ${name} stands there twice.`);
    for (const { name: own } of series) {
      const isOwn = type === 'histogram' ? own.startsWith(`${name}_`) : own === name;
      if (!isOwn) throw new Error(`${own} stands below ${name}.`);
    }
    metrics.set(name, { name, help, type, series });
  }
  return metrics;
}

function readSeries(line: string): Series {
  const [, name, labels = '', value] = seriesForm.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new Error(`Not a series: ${line}`);
  const found = [...labels.matchAll(labelForm)];
  if (found.map(([whole]) => whole).join('') !== labels) throw new Error(`Not labels: ${labels}`);
  return {
    name,
    labels: Object.fromEntries(found.map(([, label = '', text = '']) => [label, text])),
    value: Number(value.replace('Inf', 'Infinity')),
  };
}
