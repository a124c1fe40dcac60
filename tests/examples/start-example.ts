import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, delimiter, join, sep } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** What an example writes once it can be used. */
const readyLine = /^.* is ready on (https?:\/\/[^\s/]+)/gm;
const stopWithinMs = 15_000;

export interface ExampleOptions {
  /** Environment variables; `PORT` is a free one unless it is given. */
  readonly variables?: Readonly<Record<string, string>>;
  /** How many lines say that something is ready; 1 by default. */
  readonly readyLines?: number;
}

/** An example that runs as its README says. */
export interface RunningExample extends AsyncDisposable {
  /** The origin of the first line that says it is ready. */
  readonly url: string;
  /** Those of all of them, in the order in which they came. */
  readonly urls: readonly string[];
  /** Its folder, a copy. */
  readonly folder: string;
  /** Everything that it has written. */
  output(): string;
  /**
   * Stops it as a terminal or a container would, by SIGTERM.
   *
   * @throws Error when something of it still runs after 15 seconds
   */
  stop(): Promise<void>;
}

/**
 * Copies `examples/<name>` to a place of its own, and runs there the one command of its README,
 * letter by letter, until it is ready. Disposing of it stops it and removes the copy.
 *
 * @throws Error with everything written when it ends before
 */
export async function startExample(
  name: string,
  { variables = {}, readyLines = 1 }: ExampleOptions = {},
): Promise<RunningExample> {
  const example = await launch(name, { PORT: String(await findFreePort()), ...variables });
  try {
    const urls = await example.untilReady(readyLines);
    return { ...example, url: urls[0] ?? '', urls };
  } catch (error) {
    await example[Symbol.asyncDispose]();
    throw error;
  }
}

/** The same for one that comes to an end by itself, and compiles. Answers what it has written. */
export async function runExample(
  name: string,
  { variables = {} }: Pick<ExampleOptions, 'variables'> = {},
): Promise<{ readonly code: number | null; readonly output: string }> {
  await using example = await launch(name, variables);
  const code = await example.ended;
  await expectToCompile(example);
  return { code, output: example.output() };
}

/** Runs another command in the folder of an example, such as its tests. */
export async function runIn(
  folder: string,
  command: string,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const ran = runCommand(folder, command, {});
  return { code: await ran.ended, output: ran.output() };
}

/** Checks its types against what is packed: its code is there to be copied. */
export async function expectToCompile({ folder }: Pick<RunningExample, 'folder'>): Promise<void> {
  const { code, output } = await runIn(folder, 'npm run --silent types');
  expect(code === 0 ? 'compiles' : output).toBe('compiles');
}

export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // That of a TCP server that listens.
  server.close();
  await once(server, 'close');
  return port;
}

async function launch(name: string, variables: Readonly<Record<string, string>>) {
  const home = await mkdtemp(join(tmpdir(), 'latchkey-example-'));
  const folder = join(home, 'examples', name);
  await cp(join(root, 'examples', name), folder, {
    recursive: true,
    // What somebody who tried the example has left there.
    filter: (path) => !['node_modules', 'data', 'dist', '.next'].includes(basename(path)),
  });
  // What the command finds above: the tarball, which is packed already.
  await mkdir(join(home, '.packed'));
  await symlink(join(root, '.packed/latchkey.tgz'), join(home, '.packed/latchkey.tgz'));
  await writeFile(
    join(home, 'package.json'),
    JSON.stringify({ private: true, scripts: { 'pack:local': 'node --version' } }),
  );
  const readme = await readFile(join(folder, 'README.md'), 'utf8');
  const ran = runCommand(folder, readCommand(readme), variables);

  async function stop(): Promise<void> {
    if (!ran.signal('SIGTERM')) return;
    const deadline = Date.now() + stopWithinMs;
    while (ran.signal(0)) {
      if (Date.now() > deadline) {
        ran.signal('SIGKILL');
        throw new Error(`examples/${name} did not stop by SIGTERM:\n${ran.output()}`);
      }
      await delay(20);
    }
    await ran.ended;
  }

  return {
    folder,
    output: ran.output,
    ended: ran.ended,
    untilReady: ran.untilReady,
    stop,
    async [Symbol.asyncDispose]() {
      try {
        await stop();
      } finally {
        await rm(home, { recursive: true, force: true });
      }
    },
  };
}

/** The one line of the first `sh` block of a README. */
function readCommand(readme: string): string {
  const command = /^```sh\n(?<command>[^\n]+)\n```$/m.exec(readme)?.groups?.['command'];
  if (command === undefined) throw new Error('The README has no block "sh" of one line.');
  return command;
}

function runCommand(folder: string, command: string, variables: Readonly<Record<string, string>>) {
  const child = spawn('/bin/sh', ['-c', command], {
    cwd: folder,
    env: { ...shellEnvironment(), ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own, as a terminal gives one: what it starts is stopped with it.
    detached: true,
  });
  let output = '';
  const changed = new EventTarget();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (piece: string) => {
      output += piece;
      changed.dispatchEvent(new Event('output'));
    });
  }
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (code) => resolve(code));
  });
  return {
    ended,
    output: () => output,
    untilReady: (lines: number) =>
      new Promise<readonly string[]>((resolve, reject) => {
        function look(): void {
          const urls = [...output.matchAll(readyLine)].map(([, url = '']) => url);
          if (urls.length >= lines) resolve(urls);
        }
        changed.addEventListener('output', look);
        void ended.then(() => reject(new Error(`It ended before it was ready:\n${output}`)));
        look();
      }),
    /** Whether there is anybody left of the group; 0 changes nothing. */
    signal(signal: NodeJS.Signals | 0): boolean {
      try {
        return child.pid !== undefined && process.kill(-child.pid, signal);
      } catch {
        return false; // ESRCH: nobody.
      }
    },
  };
}

/** That of somebody's shell: without what npm and vitest have put there for this process. */
function shellEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      !/^(npm_|NODE_|VITEST|VITE_|LATCHKEY_|TEST$|DEV$|PROD$|MODE$|SSR$|BASE_URL$|INIT_CWD$)/i.test(
        name,
      ),
  );
  const path = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes(`${sep}node_modules${sep}`))
    .join(delimiter);
  return { ...Object.fromEntries(kept), PATH: path };
}
