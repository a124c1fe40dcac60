import type { Comparison, Rate, Spread } from './harness.ts';

/** A row of the table as it was measured. */
export interface MeasuredRow extends Comparison {
  readonly figure: string;
  readonly beside: string;
  readonly how: string;
}

/** Above this the load generator, and not the server, may have set the rate. */
const busyLoadShare = 0.9;

interface Column {
  readonly head: readonly [string, string];
  /** Texts stand left in their column, figures right. */
  readonly isText?: true;
  cell(row: MeasuredRow, number: number): string;
}

const columns: readonly Column[] = [
  { head: ['', ''], isText: true, cell: (_row, number) => `${number}` },
  { head: ['', 'ours'], isText: true, cell: (row) => row.figure },
  { head: ['', 'beside'], isText: true, cell: (row) => row.beside },
  sides('a second', (rate) => count(rate.perSecond)),
  ...spread('rate ×', (row) => row.rateRatio),
  { head: ['', ''], cell: (row) => (isLoadBusy(row) ? '*' : '') },
  sides('µs each', (rate) => count(rate.cpuMicros)),
  ...spread('processor ×', (row) => row.cpuRatio),
  sides('core used', (rate) => `${Math.round(rate.coreShare * 100)}%`),
];

function sides(name: string, cellOf: (rate: Rate) => string): Column {
  const cell = ({ ours, theirs }: MeasuredRow) => `${cellOf(ours)} : ${cellOf(theirs)}`;
  return { head: [name, 'ours : theirs'], cell };
}

function spread(name: string, spreadOf: (row: MeasuredRow) => Spread): readonly Column[] {
  return [
    { head: ['', 'min'], cell: (row) => ratio(spreadOf(row).min) },
    { head: [name, 'median'], cell: (row) => ratio(spreadOf(row).median) },
    { head: ['', 'max'], cell: (row) => ratio(spreadOf(row).max) },
  ];
}

const legend = [
  'rate ×       operations a second, ours ÷ theirs: more is better',
  'processor ×  processor time of one operation, all threads, ours ÷ theirs: less is better; where other',
  '             work shares the machine (core used below 100%, or unlike) it says more than the rate',
];
const busyLoadNote = '*            the load generator was at its limit: look at the processor time';

/** One line for each row, and below, what stands beside what. */
export function formatTable(rows: readonly MeasuredRow[]): string {
  const lines = [
    columns.map(({ head }) => head[0]),
    columns.map(({ head }) => head[1]),
    ...rows.map((row, index) => columns.map(({ cell }) => cell(row, index + 1))),
  ];
  const table = columns.map(({ isText }, index) => {
    const cells = lines.map((line) => line[index] ?? '');
    const width = Math.max(...cells.map((cell) => cell.length));
    return cells.map((cell) => (isText ? cell.padEnd(width) : cell.padStart(width)));
  });
  return [
    ...lines.map((_line, index) =>
      table
        .map((cells) => cells[index])
        .join('  ')
        .trimEnd(),
    ),
    '',
    ...legend,
    ...(rows.some(isLoadBusy) ? [busyLoadNote] : []),
    '',
    ...rows.map(({ how }, index) => `${`${index + 1}`.padStart(2)}  ${how}`),
  ].join('\n');
}

function isLoadBusy({ loadShare }: MeasuredRow): boolean {
  return loadShare > busyLoadShare;
}

function ratio(value: number): string {
  return value < 10 ? value.toFixed(2) : value.toFixed(1);
}

function count(value: number): string {
  return value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString('en');
}
