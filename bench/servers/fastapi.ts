import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { reportReady, type Usage } from './child.ts';
import { addresses, password } from './people.ts';

// FastAPI's tutorial (fastapi_tutorial.py) on Debian's packages: one uvicorn worker with uvloop and
// httptools, without its access log. This process waits beside it and reads what it has used.
const [, , cost = '4', people = '1'] = process.argv;
const uvicorn = spawn(
  '/usr/bin/python3',
  '-m uvicorn fastapi_tutorial:app --port 0 --loop uvloop --http httptools --no-access-log'.split(
    ' ',
  ),
  {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    env: {
      // Nothing is left beside the sources.
      PYTHONDONTWRITEBYTECODE: '1',
      BENCH_COST: cost,
      BENCH_PASSWORD: password,
      BENCH_ADDRESSES: addresses(Number(people)).join(),
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  },
);
process.once('exit', () => uvicorn.kill());
process.once('SIGTERM', () => process.exit());
uvicorn.once('exit', () => process.exit(1));

const heard: string[] = [];
for await (const line of createInterface(uvicorn.stderr)) {
  heard.push(line);
  const url = /running on (http:\S+)/.exec(line)?.[1];
  if (url === undefined) continue;
  reportReady(url, () => {}, readUsage);
  await once(uvicorn, 'exit');
}
// It ended before it listened: what it said is why.
console.error(heard.join('\n'));

/** Of all its threads, in hundredths of a second as the kernel counts for others (proc(5)). */
function readUsage(): Usage {
  const stat = readFileSync(`/proc/${uvicorn.pid}/stat`, 'utf8');
  // The second field, the name, may hold blanks; what follows it begins with the third.
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [user = 0, system = 0] = fields.slice(11, 13);
  const pages = fields[21] ?? 0;
  return { cpuMicros: (user + system) * 10_000, residentBytes: pages * 4_096 };
}
