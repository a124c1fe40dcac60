import { execFileSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { GoalFigure } from './goals.ts';
import { spreadOf, type Bench, type ServerProcess } from './harness.ts';
import { latchkeyEnvironment, production } from './subjects.ts';

/** What `--only` says for the starts. */
export const startsName = 'start';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Starts Latchkey and a bare tRPC server in turn, as often as is said, each on a warm file cache
 * and compiled as it is published: from the sources Node strips the types at every start.
 */
export async function measureStarts(bench: Bench, times: number): Promise<readonly GoalFigure[]> {
  // From the second start on the database, its keys and its secret are there.
  const database = bench.newDatabase();
  const env = latchkeyEnvironment(`file:${database}`);
  const servers = compileServers(join(dirname(database), 'compiled'));
  const startOurs = () => bench.start(join(servers, 'latchkey.js'), { env });
  const startBare = () =>
    bench.start(join(servers, 'open-query.js'), { args: ['{}'], env: production });
  await timeStart(startOurs);
  await timeStart(startBare);

  const pairs: { ours: Start; bare: Start }[] = [];
  for (let index = 0; index < times; index += 1) {
    pairs.push({ ours: await timeStart(startOurs), bare: await timeStart(startBare) });
  }
  return [
    {
      what: 'from start to ready, warm file cache',
      bound: { atMost: 0.5 },
      unit: 's',
      figure: spreadOf(pairs.map(({ ours }) => ours.seconds)),
      only: startsName,
    },
    {
      what: 'memory at rest beside a bare tRPC server',
      bound: { atMost: 1.3 },
      unit: '×',
      figure: spreadOf(pairs.map(({ ours, bare }) => ours.residentBytes / bare.residentBytes)),
      only: startsName,
    },
  ];
}

/** @returns where the compiled servers are */
function compileServers(folder: string): string {
  const compiler = join(root, 'node_modules/.bin/tsc');
  execFileSync(compiler, ['-p', join(root, 'bench/tsconfig.json'), '--outDir', folder]);
  cpSync(join(root, 'drizzle'), join(folder, 'drizzle'), { recursive: true });
  return join(folder, 'bench/servers');
}

interface Start {
  readonly seconds: number;
  readonly residentBytes: number;
}

async function timeStart(start: () => Promise<ServerProcess>): Promise<Start> {
  const startedAt = performance.now();
  const server = await start();
  const seconds = (performance.now() - startedAt) / 1_000;
  const residentBytes = await server.residentBytes();
  await server.stop();
  return { seconds, residentBytes };
}
