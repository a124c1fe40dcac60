import { expect, test } from 'vitest';
import { formatAgo } from './format.ts';

const now = Date.parse('2026-06-01T12:00:00Z');

test.each([
  ['2026-06-01T11:59:30Z', 'now'],
  ['2026-06-01T12:00:20Z', 'now'],
  ['2026-06-01T11:58:59Z', '1 minute ago'],
  ['2026-06-01T10:59:00Z', '1 hour ago'],
  ['2026-05-31T11:00:00Z', 'yesterday'],
  ['2026-06-03T12:00:00Z', 'in 2 days'],
])('%s is %s', (iso, words) => {
  expect(formatAgo(iso, now)).toBe(words);
});

test('what is long ago has a date', () => {
  expect(formatAgo('2025-06-01T12:00:00Z', now)).toContain('2025');
});
