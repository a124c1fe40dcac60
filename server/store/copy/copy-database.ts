import { ConfigurationError } from '../../config/configuration-error.ts';
import { copiedTables, type CopiedTable } from './copied-tables.ts';
import type { CopyTarget } from './copy-target.ts';
import { startOf, walk, type Mark, type Side } from './side.ts';

/** What a copy is at. */
export interface CopyProgress {
  readonly step: 'resume' | 'copy' | 'compare';
  readonly table: string;
  /** Rows of the table, of which so many are done. */
  readonly done: number;
  readonly of: number;
}

export type ReportProgress = (progress: CopyProgress) => void;

/** A table as both sides have it in the end. */
export interface CopiedRows {
  readonly table: string;
  readonly rows: number;
  readonly digest: string;
}

/**
 * Copies every row, or goes on where a copy of the same rows was interrupted. The target can be
 * used once this resolves, and not before.
 *
 * @throws ConfigurationError when the source is another one than the copy began with, or the
 *   target does not have in the end what the source has
 */
export async function copyDatabase(
  source: Side,
  target: CopyTarget,
  report: ReportProgress,
): Promise<readonly CopiedRows[]> {
  const begun = await target.begin();
  for (const copiedStart of begun) await assertSameStart(source, copiedStart, report);
  const copied: CopiedRows[] = [];
  for (const [table, mark] of begun) {
    const { rows, digest } = await copyTable({ source, target, table, from: mark, report });
    copied.push({ table: table.name, rows, digest });
  }
  await target.finish(async () => {
    const found = await digestTables(target, (progress) =>
      report({ step: 'compare', ...progress }),
    );
    const differing = copied.filter(({ digest }, index) => digest !== found[index]?.digest);
    if (differing.length > 0) {
      const names = differing.map(({ table }) => table).join(', ');
      throw new ConfigurationError([
        `--to: ${names} have other rows than the source has. Somebody else writes to the database. Stop that, and run the command again with --restart.`,
      ]);
    }
  });
  return copied;
}

/** Counts and digests all rows of every table. */
export async function digestTables(
  side: Side,
  report: (progress: Omit<CopyProgress, 'step'>) => void,
): Promise<readonly CopiedRows[]> {
  const found: CopiedRows[] = [];
  for (const table of copiedTables) {
    const of = await side.count(table);
    let last = startOf(table);
    for await (const { mark } of walk(side, table)) {
      last = mark;
      report({ table: table.name, done: mark.rows, of });
    }
    found.push({ table: table.name, rows: last.rows, digest: last.digest });
  }
  return found;
}

/**
 * What was copied before has to be what the source still has: a row that has changed since, in a
 * server that ran meanwhile, would be the old one in the target.
 */
async function assertSameStart(
  source: Side,
  [table, copied]: readonly [CopiedTable, Mark],
  report: ReportProgress,
): Promise<void> {
  let last = startOf(table);
  for await (const { mark } of walk(source, table, { upTo: copied.rows })) {
    last = mark;
    report({ step: 'resume', table: table.name, done: mark.rows, of: copied.rows });
  }
  if (last.rows === copied.rows && last.digest === copied.digest) return;
  throw new ConfigurationError([
    `--from: ${table.name} are not those of which the target has the beginning. It is another database, or it has changed since. Name the same one, or begin anew with --restart.`,
  ]);
}

async function copyTable({
  source,
  target,
  table,
  from,
  report,
}: {
  source: Side;
  target: CopyTarget;
  table: CopiedTable;
  from: Mark;
  report: ReportProgress;
}): Promise<Mark> {
  const of = await source.count(table);
  let last = from;
  let writing = Promise.resolve();
  for await (const { rows, mark } of walk(source, table, { from })) {
    await writing;
    report({ step: 'copy', table: table.name, done: last.rows, of });
    // The next rows are read meanwhile.
    writing = target.write(table, rows, { from: last, to: mark });
    writing.catch(() => {}); // Whoever awaits it gets to know.
    last = mark;
  }
  await writing;
  report({ step: 'copy', table: table.name, done: last.rows, of });
  return last;
}
