import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type as systemName } from 'node:os';
import { parseArgs } from 'node:util';
import { createRows, type Amounts, type Row } from './comparisons.ts';
import type { GoalFigure } from './goals.ts';
import {
  compare,
  createBench,
  pinLoad,
  RefusedRun,
  type Comparison,
  type Pins,
  type Plan,
} from './harness.ts';
import { drawCharts, rewriteDocument } from './report.ts';
import { measureStarts, startsName } from './starts.ts';
import { connections, findMissingFastApi, signInConnections } from './subjects.ts';
import { formatGoals, formatTable, type MeasuredRow } from './table.ts';

// `npm run bench`: less than ten minutes. `-- --full` takes more and longer slices: half an hour.
// `-- --quick` shows in less than a minute that all of it runs, and its figures mean nothing.
// `-- --only TEXT` runs the rows that have it in their first two columns. `-- --json FILE` writes
// the results to a file as well, `-- --write` to docs/performance.md and its charts.
const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
if (values.write && (values.quick || values.only !== '')) {
  console.error('--write wants all of a run that means something: leave --quick and --only out.');
  process.exit(1);
}
const plan: Plan & { readonly starts: number } = values.quick
  ? { slices: 2, sliceSeconds: 0.05, warmUpSeconds: 0.05, starts: 1 }
  : values.full
    ? { slices: 21, sliceSeconds: 1.5, warmUpSeconds: 5, starts: 25 }
    : { slices: 7, sliceSeconds: 0.7, warmUpSeconds: 3, starts: 5 };
const amounts: Amounts = values.quick
  ? { cost: 4, newTokens: 320 }
  : {
      // The least that production allows, where the rest of a call weighs most beside the hash.
      cost: 10,
      newTokens: 12_800,
    };

const measured = [
  '@trpc/server',
  'better-sqlite3',
  '@node-rs/bcrypt',
  'better-auth',
  'fastify',
  '@fastify/jwt',
  'express',
  'jsonwebtoken',
  '@auth/express',
  'jose',
  'drizzle-orm',
  'autocannon',
];

const pins = pinLoad();
const loadBefore = loadavg();
const missing = findMissingFastApi();
if (missing !== null) process.stderr.write(`${missing}\n`);
const rows: MeasuredRow[] = [];
const goals: GoalFigure[] = [];
try {
  await using bench = createBench(pins);
  for (const row of createRows(bench, amounts)) {
    const { figure, beside, kind, how, ours, theirs } = row;
    if (!isWanted(figure, beside)) continue;
    process.stderr.write(`${figure} beside ${beside}\n`);
    const other = await theirs();
    const comparison = await compare([await ours(), other], plan);
    await other.end?.();
    rows.push({ figure, beside, kind, how, ...comparison });
    goals.push(...figuresOf(row, comparison));
  }
  if (isWanted(startsName)) goals.push(...(await measureStarts(bench, plan.starts)));
} catch (error) {
  if (!(error instanceof RefusedRun)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
if (goals.length === 0 && rows.length === 0) {
  console.error(`No row has “${values.only}”.`);
  process.exit(1);
}

const conditions = describeConditions(pins, { before: loadBefore, after: loadavg() });
console.log(`\n${conditions.map(([name, text]) => `${name.padEnd(9)} ${text}`).join('\n')}\n`);
if (rows.length > 0) console.log(`${formatTable(rows)}\n`);
console.log(formatGoals(goals));
if (values.json !== undefined) {
  const results = { conditions: Object.fromEntries(conditions), plan, goals, rows };
  writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
}
if (values.write) {
  const document = new URL('../docs/performance.md', import.meta.url);
  const text = rewriteDocument(readFileSync(document, 'utf8'), { conditions, goals, rows });
  writeFileSync(document, text);
  const folder = new URL('../docs/performance/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  for (const [file, chart] of drawCharts(rows)) writeFileSync(new URL(file, folder), chart);
}

function isWanted(...names: readonly string[]): boolean {
  return names.some((name) => name.toLowerCase().includes(values.only.toLowerCase()));
}

function figuresOf({ beside, goals: wanted }: Row, comparison: Comparison): GoalFigure[] {
  return wanted.map(({ what, of, bound }) => ({
    what,
    bound,
    unit: '×',
    figure: of === 'rate' ? comparison.rateRatio : comparison.cpuRatio,
    only: beside,
  }));
}

function describeConditions(
  pinned: Pins | null,
  load: { readonly before: readonly number[]; readonly after: readonly number[] },
): readonly (readonly [name: string, text: string])[] {
  const processors = cpus();
  const memoryGb = Math.round(totalmem() / 2 ** 30);
  const loadOf = (averages: readonly number[]) => (averages[0] ?? 0).toFixed(2);
  return [
    [
      'machine',
      `${processors.length} × ${processors[0]?.model.trim()}, ${memoryGb} GB, ${systemName()} ${release()}`,
    ],
    [
      'pinned',
      pinned
        ? `servers to processor ${pinned.server}, load to processor ${pinned.load} (taskset)`
        : 'nothing: one processor or no taskset, so servers and load disturb each other',
    ],
    ['load', `${loadOf(load.before)} before, ${loadOf(load.after)} after (one-minute average)`],
    [
      'versions',
      [`Node ${process.versions.node}`, ...measured.map(versionOf), ...pythonVersions()].join(', '),
    ],
    [
      'measured',
      `${plan.slices} pairs of slices of ${plan.sliceSeconds} s for each row, both sides in turn, after a warm-up of about ${plan.warmUpSeconds} s; ` +
        `${connections} connections kept open, ${signInConnections} for sign-ins (autocannon)`,
    ],
    [
      'set up',
      `Latchkey’s defaults (Ed25519, WAL, synchronous=FULL) but for its rate limits, which are off, and tokens that live for a day; ` +
        `bcrypt at cost ${amounts.cost}; the others with NODE_ENV=production, SQLite in WAL with synchronous=FULL, and no rate limits either`,
    ],
  ];
}

function versionOf(name: string): string {
  const path = new URL(`../node_modules/${name}/package.json`, import.meta.url);
  const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version: string };
  return `${name} ${version}`;
}

/** As Debian has them; none where they are not installed. */
function pythonVersions(): string[] {
  if (missing !== null) return [];
  const ask =
    'import sys, importlib.metadata as m; print("Python", sys.version.split()[0], *(f", {n} {m.version(n)}" for n in sys.argv[1:]), sep="")';
  const names = ['fastapi', 'python-jose', 'passlib', 'bcrypt', 'uvicorn'];
  const { stdout } = spawnSync('/usr/bin/python3', ['-c', ask, ...names], { encoding: 'utf8' });
  return [stdout.trim().replace('Python', 'Python ')];
}
