import { expect, test } from 'vitest';
import { formatBound, isMet, type GoalFigure } from './goals.ts';

function figure(bound: GoalFigure['bound'], median: number): GoalFigure {
  return { what: '', bound, unit: '×', figure: { min: 0, median, max: 100 }, only: '' };
}

test('a goal is met by the median, on either side of its bound', () => {
  expect(isMet(figure({ atLeast: 3 }, 3))).toBe(true);
  expect(isMet(figure({ atLeast: 3 }, 2.99))).toBe(false);
  expect(isMet(figure({ atMost: 1.1 }, 1.1))).toBe(true);
  expect(isMet(figure({ atMost: 1.1 }, 1.11))).toBe(false);
});

test('a bound says its direction and its unit', () => {
  expect(formatBound({ bound: { atLeast: 0.4 }, unit: '×' })).toBe('≥ 0.4 ×');
  expect(formatBound({ bound: { atMost: 0.5 }, unit: 's' })).toBe('≤ 0.5 s');
});
