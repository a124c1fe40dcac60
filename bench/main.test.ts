import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { createRows } from './comparisons.ts';
import type { GoalFigure } from './goals.ts';
import { createBench } from './harness.ts';
import type { MeasuredRow } from './table.ts';

const main = fileURLToPath(new URL('main.ts', import.meta.url));

test(
  'the bench runs from end to end, with a figure in every row',
  { timeout: 600_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-bench-'));
    const file = join(folder, 'results.json');
    const { stdout } = await promisify(execFile)(process.execPath, [
      main,
      '--quick',
      '--json',
      file,
    ]);
    const { rows, goals } = JSON.parse(await readFile(file, 'utf8')) as {
      rows: MeasuredRow[];
      goals: GoalFigure[];
    };
    await rm(folder, { recursive: true });

    await using bench = createBench(null);
    const wanted = createRows(bench, { cost: 4, newTokens: 320 });
    expect(rows.map(({ figure, beside }) => ({ figure, beside }))).toEqual(
      wanted.map(({ figure, beside }) => ({ figure, beside })),
    );
    const reached = goals.map(({ what }) => what);
    expect(reached).toEqual(
      expect.arrayContaining(wanted.flatMap((row) => row.goals.map(({ what }) => what))),
    );
    expect(reached).toContain('from start to ready, warm file cache');
    for (const { what, figure } of goals) {
      expect(figure.median).toBeGreaterThan(0);
      expect(stdout).toContain(what);
    }
    for (const { beside, how, ours, theirs, rateRatio, cpuRatio } of rows) {
      const spreads = [rateRatio, cpuRatio].flatMap(({ min, median, max }) => [min, median, max]);
      const rates = [ours, theirs].flatMap(({ perSecond, cpuMicros }) => [perSecond, cpuMicros]);
      const figures = [...spreads, ...rates];
      expect(figures.every((figure) => Number.isFinite(figure) && figure > 0)).toBe(true);
      expect(stdout).toContain(beside);
      expect(stdout).toContain(how);
    }
  },
);
