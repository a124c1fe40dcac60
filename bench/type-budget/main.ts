import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { createBudget, programs, type TypeCost } from './measure.ts';

// `npm run bench:types`: what mounting Latchkey costs the compiler in a host of 200 procedures,
// and in a client of it; half a minute. Times are of one thread, each side in turn.
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '11' } } });
const rounds = Number(values.rounds);

const figures: readonly (readonly [
  name: string,
  of: (cost: TypeCost) => number,
  digits: number,
])[] = [
  ['instantiations', (cost) => cost.instantiations, 0],
  ['types', (cost) => cost.types, 0],
  ['check time, ms', (cost) => cost.checkSeconds * 1_000, 0],
  ['total time, ms', (cost) => cost.totalSeconds * 1_000, 0],
  ['memory, MB', (cost) => cost.memoryKilobytes / 1_024, 1],
];

const loadBefore = loadavg()[0] ?? 0;
await using budget = await createBudget();
const lines: string[] = [];
for (const program of programs) {
  const pairs: { plain: TypeCost; latchkey: TypeCost }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    process.stderr.write(`${program}, round ${round + 1} of ${rounds}\n`);
    if (round % 2 === 0) {
      const plain = await budget.compile(program, 'plain');
      pairs.push({ plain, latchkey: await budget.compile(program, 'latchkey') });
    } else {
      const latchkey = await budget.compile(program, 'latchkey');
      pairs.push({ plain: await budget.compile(program, 'plain'), latchkey });
    }
  }
  for (const [name, of, digits] of figures) {
    const ratios = pairs.map(({ plain, latchkey }) => of(latchkey) / of(plain));
    const sides = [
      middle(pairs.map(({ latchkey }) => of(latchkey))),
      middle(pairs.map(({ plain }) => of(plain))),
    ].map((value) => value.toLocaleString('en', { maximumFractionDigits: digits }));
    const spread = [Math.min(...ratios), middle(ratios), Math.max(...ratios)];
    const cells = [...sides, ...spread.map((value) => value.toFixed(3))];
    lines.push(
      [program.padEnd(8), name.padEnd(16), ...cells.map((cell) => cell.padStart(11))].join(''),
    );
  }
}

const manifest = new URL('../../node_modules/typescript/package.json', import.meta.url);
const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
const loads = `${loadBefore.toFixed(2)} before, ${(loadavg()[0] ?? 0).toFixed(2)} after`;
const heads = ['Latchkey', 'plain', '× min', '× median', '× max'];
console.log(
  [
    `${cpus().length} × ${cpus()[0]?.model.trim()}, load ${loads}, TypeScript ${version}, ${rounds} rounds`,
    '',
    ['program'.padEnd(8), ''.padEnd(16), ...heads.map((head) => head.padStart(11))].join(''),
    ...lines,
  ].join('\n'),
);

function middle(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
