import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { createTestLatchkey } from '../server/testing/index.ts';
import { parseMetrics } from './contract/parse-metrics.ts';
import { readCode, readTables } from './security-trace/read-trace.ts';

const folder = new URL('../docs/operations/', import.meta.url);
const page = await readFile(new URL('observability.md', folder), 'utf8');
const dashboardText = await readFile(new URL('grafana-dashboard.json', folder), 'utf8');

/** As far as Grafana's import looks at it. */
interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly { name: string; type: string; query: unknown }[] };
  readonly panels: readonly {
    readonly id: number;
    readonly type: string;
    readonly title: string;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number };
    readonly datasource?: { readonly type: string; readonly uid: string };
    readonly targets?: readonly { readonly expr: string; readonly refId: string }[];
  }[];
}
const dashboard = JSON.parse(dashboardText) as Dashboard;

await using t = await createTestLatchkey({ metrics: true });
const { metrics } = t.composition.observers;
if (!metrics) throw new Error('There are no metrics.');
const exposed = parseMetrics((await metrics.read()).text);

/** The metrics that an expression of PromQL names. */
function metricsIn(expression: string): string[] {
  const named = expression.match(/\b(latchkey|nodejs|process)_\w+/g) ?? [];
  // A histogram has three kinds of series.
  return named.map((name) => (exposed.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '')));
}

const documented = readTables(page)
  .map(([names = '', type, labels]) => ({ names: readCode(names), type, labels }))
  .filter(({ names }) => names.some((name) => /^(latchkey|nodejs|process)_/.test(name)));

test('every metric has a row, and every row is a metric', () => {
  expect(documented.flatMap(({ names }) => names).toSorted()).toEqual(
    [...exposed.keys()].toSorted(),
  );
});

test('the rows say the type and the labels', () => {
  for (const { names, type, labels = '' } of documented) {
    const [name = ''] = names;
    if (!name.startsWith('latchkey_')) continue;
    expect([name, type]).toEqual([name, exposed.get(name)?.type]);
    const seen = exposed.get(name)?.series.flatMap((series) => Object.keys(series.labels)) ?? [];
    const known = [...readCode(labels), 'le'];
    expect(seen.filter((label) => !known.includes(label))).toEqual([]);
  }
});

test('every metric of an alert is there', () => {
  const expressions = [...page.matchAll(/^ +expr: (.+)$/gm)].map(
    ([, expression = '']) => expression,
  );
  expect(expressions.length).toBeGreaterThanOrEqual(5);
  const unknown = expressions.flatMap(metricsIn).filter((name) => !exposed.has(name));
  expect(unknown).toEqual([]);
});

test('every metric of the dashboard is there, and it shows each of ours', () => {
  const { panels, templating } = dashboard;
  const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  const shown = new Set(expressions.flatMap(metricsIn));
  expect([...shown].filter((name) => !exposed.has(name))).toEqual([]);
  const ours = [...exposed.keys()].filter((name) => name.startsWith('latchkey_'));
  expect(ours.filter((name) => !shown.has(name))).toEqual([]);
  for (const expression of expressions) {
    // Whatever is selected above, and whole.
    expect(expression).toContain('{job=~"$job", instance=~"$instance"');
    for (const pair of ['()', '[]', '{}']) {
      expect(expression.split(pair[0]!).length).toBe(expression.split(pair[1]!).length);
    }
  }
  const variables = templating.list.map(({ name }) => name);
  const used = new Set([...dashboardText.matchAll(/\$\{?([a-z]\w*)/g)].map(([, name]) => name));
  expect(used).toEqual(new Set(variables));
});

test('Grafana can import the dashboard', () => {
  const { panels, templating } = dashboard;
  expect(dashboard).toMatchObject({ uid: 'latchkey', title: 'Latchkey' });
  expect(dashboard).not.toHaveProperty('id');
  expect(templating.list[0]).toMatchObject({ type: 'datasource', query: 'prometheus' });
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  for (const { type, gridPos, datasource, targets } of panels) {
    expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    if (type === 'row') continue;
    expect(datasource).toEqual({ type: 'prometheus', uid: '${datasource}' });
    expect(new Set(targets?.map(({ refId }) => refId)).size).toBe(targets?.length);
  }
});
