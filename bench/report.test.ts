import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { drawCharts, rewriteDocument, type Results } from './report.ts';
import type { MeasuredRow } from './table.ts';

const rate = { perSecond: 1_200, cpuMicros: 80, coreShare: 1 };
const spread = { min: 4, median: 5, max: 8 };

function row(changes: Partial<MeasuredRow>): MeasuredRow {
  return {
    figure: 'user.me',
    beside: 'Someone | else',
    kind: 'peer',
    how: 'the same',
    ours: rate,
    theirs: rate,
    rateRatio: spread,
    cpuRatio: spread,
    loadShare: 0.5,
    ...changes,
  };
}

const results: Results = {
  conditions: [['machine', 'one']],
  goals: [
    {
      what: 'user.me beside a query',
      bound: { atLeast: 6 },
      unit: '×',
      figure: spread,
      only: 'query',
    },
  ],
  rows: [row({}), row({ beside: 'a bound', kind: 'bound', loadShare: 0.95 })],
};

const begin = '<!-- written by npm run bench -- --write -->';

test('the place between the markers is written anew, and nothing else', () => {
  const written = rewriteDocument(`before\n${begin}old<!-- end -->\nafter\n`, results);
  expect(written.startsWith(`before\n${begin}\n`)).toBe(true);
  expect(written.endsWith('<!-- end -->\nafter\n')).toBe(true);
  expect(written).not.toContain('old');
  expect(rewriteDocument(written, results)).toBe(written);
});

test('a document without that place, or with two, is refused', () => {
  expect(() => rewriteDocument('nothing', results)).toThrow('once each');
  const place = `${begin}<!-- end -->`;
  expect(() => rewriteDocument(place + place, results)).toThrow('once each');
});

test('the document that is kept has the place', async () => {
  const document = await readFile(new URL('../docs/performance.md', import.meta.url), 'utf8');
  expect(rewriteDocument(document, results)).toContain('Someone');
});

test('a goal stands with its figure, its spread and the command that measures it', () => {
  expect(rewriteDocument(`${begin}<!-- end -->`, results)).toContain(
    '| user.me beside a query | ≥ 6 × | 5.00 | 4.00 to 8.00 | **no** | `npm run bench -- --only "query"` |',
  );
});

test('peers and bounds stand apart, and a busy load generator is marked', () => {
  const written = rewriteDocument(`${begin}<!-- end -->`, results);
  const [peers = '', bounds = ''] = written.split('### Beside what bounds them');
  expect(peers).toContain(
    String.raw`| Someone \| else | 1,200 : 1,200 | **5.00** (4.00 to 8.00) |`,
  );
  expect(bounds).toContain(String.raw`**5.00** (4.00 to 8.00) \* |`);
  expect(bounds).toContain(String.raw`\* The load generator was at its limit`);
  expect(peers).not.toContain('load generator');
});

test('charts show the peers alone, as what they reach of ours', () => {
  const charts = drawCharts(results.rows);
  expect([...charts.keys()]).toEqual(['signed-in-read.svg']);
  const chart = charts.get('signed-in-read.svg');
  expect(chart).toContain('Someone | else: 20 % (13 % to 25 %)');
  expect(chart).not.toContain('a bound');
});
