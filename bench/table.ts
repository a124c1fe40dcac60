import { formatBound, isMet, type GoalFigure } from './goals.ts';
import type { Comparison, Rate, Spread } from './harness.ts';

/** A row of the table as it was measured. */
export interface TableRow extends Comparison {
  readonly figure: string;
  readonly beside: string;
  readonly how: string;
}

/** Beside what bounds it, or beside somebody else's. */
export interface MeasuredRow extends TableRow {
  readonly kind: 'bound' | 'peer';
}

/** Above this the load generator, and not the server, may have set the rate. */
const busyLoadShare = 0.9;

interface Column {
  readonly head: readonly [string, string];
  /** Texts stand left in their column, figures right. */
  readonly isText?: true;
  cell(row: TableRow, number: number): string;
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
  const cell = ({ ours, theirs }: TableRow) => `${cellOf(ours)} : ${cellOf(theirs)}`;
  return { head: [name, 'ours : theirs'], cell };
}

function spread(name: string, spreadOf: (row: TableRow) => Spread): readonly Column[] {
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
export function formatTable(rows: readonly TableRow[]): string {
  const lines = [
    columns.map(({ head }) => head[0]),
    columns.map(({ head }) => head[1]),
    ...rows.map((row, index) => columns.map(({ cell }) => cell(row, index + 1))),
  ];
  return [
    ...align(lines, (column) => columns[column]?.isText ?? false),
    '',
    ...legend,
    ...(rows.some(isLoadBusy) ? [busyLoadNote] : []),
    '',
    ...rows.map(({ how }, index) => `${`${index + 1}`.padStart(2)}  ${how}`),
  ].join('\n');
}

/** Each goal with what was measured. */
export function formatGoals(figures: readonly GoalFigure[]): string {
  const lines = [
    ['goal', '', 'min', 'median', 'max', ''],
    ...figures.map((each) => [
      each.what,
      formatBound(each),
      ratio(each.figure.min),
      ratio(each.figure.median),
      ratio(each.figure.max),
      isMet(each) ? 'met' : 'missed',
    ]),
  ];
  return align(lines, (column) => column === 0 || column === 5).join('\n');
}

function align(
  lines: readonly (readonly string[])[],
  isText: (column: number) => boolean,
): string[] {
  const widths = (lines[0] ?? []).map((_head, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  return lines.map((line) =>
    line
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return isText(column) ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd(),
  );
}

/** Whether the load generator may have set the rate. */
export function isLoadBusy({ loadShare }: TableRow): boolean {
  return loadShare > busyLoadShare;
}

/** A ratio to three figures or so. */
export function ratio(value: number): string {
  return value < 10 ? value.toFixed(2) : value.toFixed(1);
}

/** Operations a second, or microseconds. */
export function count(value: number): string {
  return value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString('en');
}
