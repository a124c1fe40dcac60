import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type as systemName } from 'node:os';
import { parseArgs } from 'node:util';
import { createRows } from './comparisons.ts';
import { compare, createBench, pinLoad, RefusedRun, type Pins, type Plan } from './harness.ts';
import { connections, signInConnections } from './subjects.ts';
import { formatTable, type MeasuredRow } from './table.ts';

// `npm run bench`: about three minutes. `-- --quick` shows within seconds that all of
// it runs, and its figures mean nothing. `-- --json FILE` writes the results to a file as well.
const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, json: { type: 'string' } },
});
const plan: Plan = values.quick
  ? { slices: 2, sliceSeconds: 0.05 }
  : { slices: 7, sliceSeconds: 0.9 };
/** The least that production allows, where the rest of a call weighs most beside the hash. */
const bcryptCost = values.quick ? 4 : 10;

const measured = ['@trpc/server', 'better-sqlite3', '@node-rs/bcrypt', 'better-auth', 'autocannon'];

const pins = pinLoad();
const loadBefore = loadavg();
const rows: MeasuredRow[] = [];
try {
  await using bench = createBench(pins);
  for (const { figure, beside, how, ours, theirs } of createRows(bench, bcryptCost)) {
    process.stderr.write(`${figure} beside ${beside}\n`);
    const comparison = await compare([await ours(), await theirs()], plan);
    rows.push({ figure, beside, how, ...comparison });
  }
} catch (error) {
  if (!(error instanceof RefusedRun)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

const conditions = describeConditions(pins, { before: loadBefore, after: loadavg() });
console.log(`\n${conditions.map(([name, text]) => `${name.padEnd(9)} ${text}`).join('\n')}\n`);
console.log(formatTable(rows));
if (values.json !== undefined) {
  const results = { conditions: Object.fromEntries(conditions), plan, rows };
  writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
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
    ['versions', [`Node ${process.versions.node}`, ...measured.map(versionOf)].join(', ')],
    [
      'measured',
      `${plan.slices} pairs of slices of ${plan.sliceSeconds} s for each row, both sides in turn, after a warm-up; ` +
        `${connections} connections kept open, ${signInConnections} for sign-ins (autocannon)`,
    ],
    [
      'set up',
      `Latchkey’s defaults (Ed25519, WAL, synchronous=FULL), bcrypt at cost ${bcryptCost}; no rate limits anywhere`,
    ],
  ];
}

function versionOf(name: string): string {
  const path = new URL(`../node_modules/${name}/package.json`, import.meta.url);
  const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version: string };
  return `${name} ${version}`;
}
