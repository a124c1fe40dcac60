import { styleText } from 'node:util';
import type { Runtime } from '../runtime.ts';
import type { CopyProgress, ReportProgress } from '../store/copy/copy-database.ts';
import type { Terminal } from './terminal.ts';

const barWidth = 24;
/** Where a line can be written over, and where each one stays. */
const everyMs = { inPlace: 100, onALineEach: 10_000 } as const;

const verbs = { resume: 'Rereading', copy: 'Copying', compare: 'Comparing' } as const;

/**
 * Tells how far a copy is: on a terminal in place, else on a line now and then. Each table's last
 * line stays.
 */
export function createCopyProgress(
  { note, rewriteLine }: Pick<Terminal, 'note' | 'rewriteLine'>,
  runtime: Pick<Runtime, 'now'>,
): ReportProgress {
  const pauseMs = rewriteLine ? everyMs.inPlace : everyMs.onALineEach;
  let current = '';
  /** When the table's turn came, and how many of its rows were there already. */
  let began = { at: 0, done: 0 };
  let shownAt = 0;

  return (progress) => {
    const { step, table, done, of } = progress;
    if (of === 0) return;
    const now = runtime.now();
    if (current !== `${step} ${table}`) {
      current = `${step} ${table}`;
      began = { at: now, done };
      shownAt = now;
    }
    const isDone = done >= of;
    if (!isDone && now - shownAt < pauseMs) return;
    shownAt = now;
    const line = describe(progress, { rows: done - began.done, ms: now - began.at });
    if (!isDone && rewriteLine) rewriteLine(line);
    else {
      rewriteLine?.('');
      note(line);
    }
  };
}

function describe(
  { step, table, done, of }: CopyProgress,
  run: { readonly rows: number; readonly ms: number },
): string {
  const share = Math.min(done / of, 1);
  const full = Math.round(share * barWidth);
  const bar =
    styleText('cyan', '━'.repeat(full), { validateStream: false }) + '─'.repeat(barWidth - full);
  const rowsPerSecond = run.ms > 0 ? (run.rows * 1_000) / run.ms : 0;
  const left = of - done;
  return [
    `${verbs[step]} ${table}`.padEnd(22),
    bar,
    `${Math.floor(share * 100)} %`.padStart(5),
    `${count(done)} of ${count(of)}`,
    ...(rowsPerSecond > 0 ? [`${count(Math.round(rowsPerSecond))} rows/s`] : []),
    ...(left > 0 && rowsPerSecond > 0 ? [`${duration(left / rowsPerSecond)} left`] : []),
  ].join('  ');
}

function count(rows: number): string {
  return rows.toLocaleString('en');
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60
    ? `${minutes} min ${whole % 60} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
