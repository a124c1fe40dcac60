import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import type { Snippet } from './read-snippets.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const hook = new URL('resolve-sources.ts', import.meta.url).href;
const compiler = join(root, 'node_modules/typescript/bin/tsc');

/** The port that documents name; the snippets get a free one in its place. */
const documentedPort = /\b4000\b/g;

/** How a process ended, and all that it wrote. */
export interface Run {
  /** `null` when a signal ended it. */
  readonly exitCode: number | null;
  readonly output: string;
}

export interface Service {
  /** Settles when it listens, or fails when it ends before. */
  readonly ready: Promise<void>;
  stop(): Promise<Run>;
}

/** A folder with a file for each snippet, where they are checked and run as a reader would. */
export interface Workspace extends AsyncDisposable {
  /** Answers each type error as `README.md:12: error TS…`. */
  checkTypes(): Promise<string[]>;
  /** Runs a snippet to its end. */
  run(snippet: Snippet): Promise<Run>;
  /** Starts a snippet that listens; `stop` ends it with SIGTERM. */
  serve(snippet: Snippet): Service;
}

/** Writes the snippets into a folder inside the repository, whose packages they may import. */
export async function createWorkspace(snippets: readonly Snippet[]): Promise<Workspace> {
  const folder = await mkdtemp(join(root, 'tests/docs/.workspace-'));
  const port = await findFreePort();
  const files = new Map(snippets.map((snippet) => [fileOf(snippet), snippet]));
  if (files.size < snippets.length) throw new Error('Two blocks of a document have one file name.');

  function fileOf({ document, fileName }: Snippet): string {
    return join(folder, document.replaceAll('/', '-'), fileName);
  }

  for (const [file, { text }] of files) {
    await mkdir(dirname(file), { recursive: true });
    const module = `${text.replaceAll(documentedPort, String(port))}\nexport {};\n`;
    await writeFile(file, module);
  }
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      extends: join(root, 'tsconfig.json'),
      compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
      files: [...files.keys()],
    }),
  );

  function start(args: readonly string[], cwd: string): { child: ChildProcess; end: Promise<Run> } {
    const child = spawn(process.execPath, args, {
      cwd,
      env: { PATH: process.env['PATH'], PORT: String(port) },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 90_000,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
    }
    const end = once(child, 'close').then(() => ({ exitCode: child.exitCode, output }));
    return { child, end };
  }

  function startSnippet(snippet: Snippet): ReturnType<typeof start> {
    const file = fileOf(snippet);
    return start(['--import', hook, file], dirname(file));
  }

  /** `README.md/line-12.ts(3,7): error …` → `README.md:15: error …`. */
  function locate(line: string): string[] {
    if (line.startsWith('error ')) return [line];
    const { path, row, message } =
      /^(?<path>.+?)\((?<row>\d+),\d+\): (?<message>.*)$/.exec(line)?.groups ?? {};
    const snippet = files.get(join(folder, ...(path ?? '').split(/[/\\]/)));
    if (snippet === undefined) return [];
    return [`${snippet.document}:${snippet.line + Number(row)}: ${message}`];
  }

  return {
    async checkTypes() {
      if (files.size === 0) return [];
      const { exitCode, output } = await start(
        [compiler, '-p', folder, '--pretty', 'false'],
        folder,
      ).end;
      if (exitCode === null) return [`the compiler was stopped: ${output}`];
      return output.split('\n').flatMap(locate);
    },
    run: (snippet) => startSnippet(snippet).end,
    serve(snippet) {
      const { child, end } = startSnippet(snippet);
      const failed = end.then(({ output }) => {
        throw new Error(`${snippet.document}:${snippet.line} ended before it listened: ${output}`);
      });
      return {
        ready: Promise.race([waitForListener(port), failed]),
        stop() {
          child.kill('SIGTERM');
          return end;
        },
      };
    },
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function waitForListener(port: number): Promise<void> {
  await vi.waitFor(() => once(connect(port, '127.0.0.1'), 'connect'), { timeout: 60_000 });
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
