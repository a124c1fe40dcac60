import { expect, test } from 'vitest';
import { barsOf, lineOf, scaleOf } from './chart-shapes.ts';

test.each([
  [[], 4],
  [[0, 0], 4],
  [[3], 4],
  [[5], 5],
  [[6], 6],
  [[7], 8],
  [[11], 15],
  [[99, 100], 100],
  [[101], 150],
  [[12_345], 15_000],
])('%j is drawn up to %i', (values, top) => {
  expect(scaleOf(values)).toBe(top);
});

test('bars stand on the ground, and the smallest can be seen', () => {
  const frame = { top: 1_000, width: 30, height: 100 };
  const bars = barsOf([0, 1, 1_000], frame);
  expect(bars.map((bar) => bar.y + bar.height)).toEqual([100, 100, 100]);
  expect(bars.map((bar) => bar.height)).toEqual([0, 2, 100]);
});

test('a line goes from edge to edge', () => {
  expect(lineOf([0, 5, 10], { top: 10, width: 20, height: 10 })).toBe('M0 10 L10 5 L20 0');
  expect(lineOf([5], { top: 10, width: 20, height: 10 })).toBe('M0 5');
});
