import type { Comparison, Spread } from './harness.ts';

/** A row of the table as it was measured. */
export interface MeasuredRow extends Comparison {
  readonly figure: string;
  readonly beside: string;
  readonly how: string;
}

/** Above this the load generator, and not the server, may have set the rate. */
const busyLoadShare = 0.9;

/** One line for each row, with a note on each below. */
export function formatTable(rows: readonly MeasuredRow[]): string {
  const header = [
    ['', 'figure', 'beside', 'a second', 'rate ×', '', 'µs each', 'processor ×', ''],
    ['', '', '', 'ours : theirs', 'median', 'min–max', 'ours : theirs', 'median', 'min–max'],
  ];
  const body = rows.map((row, index) => [
    `${index + 1}`,
    row.figure,
    row.beside,
    `${round(row.ours.perSecond)} : ${round(row.theirs.perSecond)}`,
    ratio(row.rateRatio.median) + (row.loadShare > busyLoadShare ? '*' : ''),
    range(row.rateRatio),
    `${round(row.ours.cpuMicros)} : ${round(row.theirs.cpuMicros)}`,
    ratio(row.cpuRatio.median),
    range(row.cpuRatio),
  ]);
  const lines = [...header, ...body];
  const widths = lines[0]?.map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  const isText = (column: number) => column < 3;
  const table = lines.map((line) =>
    line
      .map((cell, column) => {
        const width = widths?.[column] ?? 0;
        return isText(column) ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd(),
  );
  const notes = rows.map((row, index) => `${index + 1}  ${row.how}`);
  const isLoadBusy = rows.some((row) => row.loadShare > busyLoadShare);
  return [
    ...table,
    '',
    'rate ×: requests a second, ours ÷ theirs; more is better.',
    'processor ×: processor time of one operation, all threads, ours ÷ theirs; less is better.',
    ...(isLoadBusy
      ? [
          '* the load generator was at its limit in a slice: the processor time says more than the rate.',
        ]
      : []),
    '',
    ...notes,
  ].join('\n');
}

function range({ min, max }: Spread): string {
  return `${ratio(min)}–${ratio(max)}`;
}

function ratio(value: number): string {
  return value < 10 ? value.toFixed(2) : value.toFixed(1);
}

function round(value: number): string {
  return value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString('en');
}
