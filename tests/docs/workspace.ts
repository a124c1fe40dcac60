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
const commandLine = join(root, 'server/cli/main.ts');

/** The ports that documents name; the snippets get free ones in their place. */
const documentedPorts = [4000, 8000] as const;

/** How a process ended, and all that it wrote. */
export interface Run {
  /** `null` when a signal ended it. */
  readonly exitCode: number | null;
  /** What it printed, with the ports that the document names. */
  readonly stdout: string;
  /** Both streams. */
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

/** What a block of commands sets, the later ones of its document have. */
const shell = `
set -euo pipefail
if [ -e .state ]; then . ./.state; fi
trap '{ declare -f; declare -x; } >.state' EXIT
set -a
`;

/** Writes the snippets into a folder inside the repository, whose packages they may import. */
export async function createWorkspace(snippets: readonly Snippet[]): Promise<Workspace> {
  const folder = await mkdtemp(join(root, 'tests/docs/.workspace-'));
  const ports = new Map<number, number>();
  for (const port of documentedPorts) ports.set(port, await findFreePort());
  const named = snippets.filter(({ fileName }) => fileName !== null);
  const files = new Map(named.map((snippet) => [fileOf(snippet), snippet]));
  if (files.size < named.length) throw new Error('Two blocks of a document have one file name.');

  function folderOf({ document }: Snippet): string {
    return join(folder, document.replaceAll('/', '-'));
  }

  function fileOf(snippet: Snippet): string {
    return join(folderOf(snippet), snippet.fileName ?? '');
  }

  function withFreePorts(text: string): string {
    return text.replaceAll(/\b\d{4}\b/g, (port) => String(ports.get(Number(port)) ?? port));
  }

  function withDocumentedPorts(text: string): string {
    return [...ports].reduce((all, [port, free]) => all.replaceAll(String(free), `${port}`), text);
  }

  await mkdir(join(folder, 'bin'));
  // The reader's `latchkey` is the package; here it is the sources.
  const npx = `#!/bin/sh\nshift\nexec '${process.execPath}' '${commandLine}' "$@"\n`;
  await writeFile(join(folder, 'bin/npx'), npx, { mode: 0o755 });
  for (const snippet of snippets) await mkdir(folderOf(snippet), { recursive: true });
  for (const [file, { text, language }] of files) {
    await mkdir(dirname(file), { recursive: true });
    const module = isTypeScript(language) ? 'export {};\n' : '';
    await writeFile(file, `${withFreePorts(text)}\n${module}`);
  }
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      extends: join(root, 'tsconfig.json'),
      compilerOptions: {
        // Some snippets are for pages.
        lib: ['es2024', 'esnext.disposable', 'dom', 'dom.iterable'],
        noUnusedLocals: false,
        noUnusedParameters: false,
      },
      files: [...files].flatMap(([file, { language }]) => (isTypeScript(language) ? [file] : [])),
    }),
  );

  function start(
    command: string,
    args: readonly string[],
    cwd: string,
  ): { child: ChildProcess; end: Promise<Run> } {
    const binaries = [join(folder, 'bin'), dirname(process.execPath), '/usr/bin'];
    const child = spawn(command, args, {
      cwd,
      env: {
        PATH: [...binaries, process.env['PATH']].join(':'),
        NODE_OPTIONS: `--import=${hook}`,
        PORT: String(ports.get(4000)),
        // The least that production takes: a quarter of the work.
        LATCHKEY_BCRYPT_COST: '10',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, to be ended with whatever a shell has started.
      detached: true,
      timeout: 90_000,
    });
    let stdout = '';
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      stdout += piece;
      output += piece;
    });
    child.stderr.setEncoding('utf8').on('data', (piece: string) => (output += piece));
    const end = once(child, 'close').then(() => ({
      exitCode: child.exitCode,
      stdout: withDocumentedPorts(stdout),
      output,
    }));
    return { child, end };
  }

  function startSnippet(snippet: Snippet): ReturnType<typeof start> {
    if (isTypeScript(snippet.language)) {
      return start(process.execPath, [fileOf(snippet)], folderOf(snippet));
    }
    const script = `${shell}${withFreePorts(snippet.text)}`;
    return start('/bin/bash', ['-c', script], folderOf(snippet));
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
        process.execPath,
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
      const documented = documentedPorts.find((port) => snippet.text.includes(String(port)));
      return {
        ready: Promise.race([waitForListener(ports.get(documented ?? 4000) ?? 0), failed]),
        stop() {
          const isRunning = child.exitCode === null && child.signalCode === null;
          if (child.pid !== undefined && isRunning) process.kill(-child.pid, 'SIGTERM');
          return end;
        },
      };
    },
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function isTypeScript(language: string): boolean {
  return language === 'ts' || language === 'tsx';
}

async function waitForListener(port: number): Promise<void> {
  await vi.waitFor(
    async () => {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      // Left open, a server that drains would wait for it.
      socket.destroy();
    },
    { timeout: 60_000 },
  );
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
