import { drawChart, type Bar } from './chart.ts';
import { formatBound, isMet, type GoalFigure } from './goals.ts';
import type { Spread } from './harness.ts';
import { count, isLoadBusy, ratio, type MeasuredRow } from './table.ts';

/** All of a run. */
export interface Results {
  readonly conditions: readonly (readonly [name: string, text: string])[];
  readonly goals: readonly GoalFigure[];
  readonly rows: readonly MeasuredRow[];
}

/** What is drawn: the peers of a figure. */
const charts = [
  {
    figure: 'user.me',
    file: 'signed-in-read.svg',
    title: 'Signed-in reads a second, Latchkey = 100 %',
  },
  { figure: 'auth.refresh', file: 'refresh.svg', title: 'Refreshes a second, Latchkey = 100 %' },
  { figure: 'auth.login', file: 'sign-in.svg', title: 'Sign-ins a second, Latchkey = 100 %' },
] as const;

/** Around the part of the document that the bench writes. */
const markers = ['<!-- written by npm run bench -- --write -->', '<!-- end -->'] as const;

/**
 * The document with the figures of this run in the place of the last ones.
 *
 * @throws Error where the document has no such place
 */
export function rewriteDocument(document: string, results: Results): string {
  const [head, rest, ...others] = document.split(markers[0]);
  const [, tail, ...more] = rest?.split(markers[1]) ?? [];
  if (head === undefined || tail === undefined || others.length + more.length > 0) {
    throw new Error(`The document has to have ${markers.join(' and ')}, once each.`);
  }
  return [head, markers[0], '\n\n', formatReport(results), '\n\n', markers[1], tail].join('');
}

/** Each chart under its file name; one without a peer that was measured is left out. */
export function drawCharts(rows: readonly MeasuredRow[]): ReadonlyMap<string, string> {
  const drawn = charts.map(({ figure, file, title }) => {
    const peers = rows.filter((row) => row.kind === 'peer' && row.figure === figure);
    const note = `one core for the server; whiskers: least to greatest of the slices`;
    const bars = [ourBar(figure), ...peers.map(barOf)];
    return [file, peers.length > 0 && drawChart({ title, note, bars, format: percent })] as const;
  });
  return new Map(drawn.filter((each): each is [(typeof each)[0], string] => each[1] !== false));
}

function ourBar(figure: string): Bar {
  return { label: `Latchkey, ${figure}`, value: { min: 1, median: 1, max: 1 }, isOurs: true };
}

/** What they reach of ours: the other way round than in the tables. */
function barOf({ beside, rateRatio: { min, median, max } }: MeasuredRow): Bar {
  return { label: beside, value: { min: 1 / max, median: 1 / median, max: 1 / min } };
}

function formatReport({ conditions, goals, rows }: Results): string {
  const names = [...drawCharts(rows).keys()];
  const images = charts.filter(({ file }) => names.includes(file));
  return [
    '### Conditions',
    markdownTable(['', ''], conditions),
    '### Goals',
    'The figure is the median of the pairs of slices; the spread, the least and the greatest of them.',
    markdownTable(
      ['what', 'goal', 'figure', 'spread', 'met', 'command'],
      goals.map((goal) => [
        goal.what,
        formatBound(goal),
        ratio(goal.figure.median),
        formatSpread(goal.figure),
        isMet(goal) ? 'yes' : '**no**',
        `\`npm run bench -- --only "${goal.only}"\``,
      ]),
    ),
    '### Beside others',
    'What others do of the same; above 1, Latchkey is ahead by the rate, and below 1 by the processor time.',
    ...images.map(({ file, title }) => `![${title}](performance/${file})`),
    rowsTable(rows.filter(({ kind }) => kind === 'peer')),
    '### Beside what bounds them',
    'What a call cannot do without, measured by itself.',
    rowsTable(rows.filter(({ kind }) => kind === 'bound')),
  ].join('\n\n');
}

function rowsTable(rows: readonly MeasuredRow[]): string {
  return markdownTable(
    [
      'ours',
      'beside',
      'a second, ours : theirs',
      'rate ×',
      'µs of processor, ours : theirs',
      'processor ×',
      'how',
    ],
    rows.map((row) => [
      row.figure,
      row.beside,
      `${count(row.ours.perSecond)} : ${count(row.theirs.perSecond)}`,
      `**${ratio(row.rateRatio.median)}** (${formatSpread(row.rateRatio)})${isLoadBusy(row) ? ' \\*' : ''}`,
      `${count(row.ours.cpuMicros)} : ${count(row.theirs.cpuMicros)}`,
      `${ratio(row.cpuRatio.median)} (${formatSpread(row.cpuRatio)})`,
      row.how,
    ]),
  ).concat(rows.some(isLoadBusy) ? `\n\n\\* ${busyNote}` : '');
}

const busyNote =
  'The load generator was at its limit, so that the faster side could have answered more: its processor time says how much.';

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows];
  return lines
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`)
    .join('\n');
}

function formatSpread({ min, max }: Spread): string {
  return `${ratio(min)} to ${ratio(max)}`;
}

function percent(value: number): string {
  const hundredths = value * 100;
  return `${hundredths < 10 ? hundredths.toFixed(1) : Math.round(hundredths)} %`;
}
