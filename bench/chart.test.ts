import { expect, test } from 'vitest';
import { drawChart } from './chart.ts';

const chart = drawChart({
  title: 'Calls & answers',
  note: 'of the bench',
  bars: [
    { label: 'a <slow> one', value: { min: 0.1, median: 0.25, max: 0.5 } },
    { label: 'ours', value: { min: 1, median: 1, max: 1 }, isOurs: true },
  ],
  format: (value) => `${value * 100} %`,
});

/** The attributes of each element of a name, in order. */
function elements(name: string): Record<string, string>[] {
  return [...chart.matchAll(new RegExp(`<${name} ([^>]*)>`, 'g'))].map(([, attributes = '']) =>
    Object.fromEntries(
      [...attributes.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, key = '', value = '']) => [
        key,
        value,
      ]),
    ),
  );
}

test('bars stand from the greatest to the least, as long as they say', () => {
  const [ours, theirs] = elements('rect').filter(({ class: name }) => name?.startsWith('bar'));
  expect(ours?.['class']).toBe('bar ours');
  expect(Number(ours?.['y'])).toBeLessThan(Number(theirs?.['y']));
  expect(Number(theirs?.['width']) / Number(ours?.['width'])).toBeCloseTo(0.25, 2);
});

test('a whisker goes from the least to the greatest', () => {
  const [ours, theirs] = elements('rect').filter(({ class: name }) => name?.startsWith('bar'));
  const left = Number(theirs?.['x']);
  const [whisker, ...ends] = elements('line').filter(({ class: name }) => name === 'whisker');
  const partOf = (x: string | undefined) => (Number(x) - left) / Number(ours?.['width']);
  expect(partOf(whisker?.['x1'])).toBeCloseTo(0.1, 2);
  expect(partOf(whisker?.['x2'])).toBeCloseTo(0.5, 2);
  expect(ends.map(({ x1 }) => x1)).toEqual([whisker?.['x1'], whisker?.['x2']]);
});

test('everything is labelled, in text that is no markup', () => {
  expect(chart).toContain('aria-label="Calls &amp; answers"');
  expect(chart).toContain('>a &lt;slow&gt; one</text>');
  expect(chart).toContain('>25 % <tspan class="spread">10 % to 50 %</tspan></text>');
});

test('it brings a background of its own to a light page and to a dark one', () => {
  const [light = '', dark = ''] = chart.split('prefers-color-scheme: dark');
  expect(light).toContain('.background { fill: #ffffff }');
  expect(dark).toContain('.background { fill: #0d1117 }');
  expect(dark).toContain('<rect class="background"');
});
