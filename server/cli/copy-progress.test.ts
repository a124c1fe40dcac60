import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { createTestClock } from '../testing/clock.ts';
import { createCopyProgress } from './copy-progress.ts';

/** What a copy of 3,000 sessions tells that had 1,000 of them, and takes a second for each 100. */
function tell({ onTerminal }: { readonly onTerminal: boolean }): readonly string[] {
  const lines: string[] = [];
  const clock = createTestClock();
  const report = createCopyProgress(
    {
      note: (text) => lines.push(text),
      rewriteLine: onTerminal ? (text) => lines.push(`again: ${text}`) : null,
    },
    clock,
  );
  report({ step: 'resume', table: 'signing_keys', done: 0, of: 0 });
  for (let done = 1_000; done <= 3_000; done += 100) {
    report({ step: 'copy', table: 'sessions', done, of: 3_000 });
    clock.advance(1);
  }
  return lines.map((line) => stripVTControlCharacters(line).replaceAll(/[━─\s]+/g, ' '));
}

test('a line that is written over tells every step, and the last one stays', () => {
  const lines = tell({ onTerminal: true });
  expect(lines[4]).toBe('again: Copying sessions 50 % 1,500 of 3,000 100 rows/s 15 s left');
  expect(lines.slice(-2)).toEqual(['again: ', 'Copying sessions 100 % 3,000 of 3,000 100 rows/s']);
  expect(lines).toHaveLength(21);
});

test('lines that stay come every ten seconds', () => {
  expect(tell({ onTerminal: false })).toEqual([
    'Copying sessions 66 % 2,000 of 3,000 100 rows/s 10 s left',
    'Copying sessions 100 % 3,000 of 3,000 100 rows/s',
  ]);
});
