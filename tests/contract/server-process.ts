import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { forgetStandIns, variablesOnPlace } from '../kit/place.ts';

const mainPath = fileURLToPath(new URL('../../server/main.ts', import.meta.url));

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The real process, as `npm start` runs it. */
export interface ServerProcess {
  readonly pid: number;
  /** The URL of the line that says it is ready. Rejects when the process ends before. */
  readonly ready: Promise<string>;
  readonly ended: Promise<Ended>;
  stdout(): string;
  stderr(): string;
  kill(signal: NodeJS.Signals): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A folder of its own under the system's, removed afterwards. */
export async function createFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'latchkey-contract-'));
  return {
    path,
    async [Symbol.asyncDispose]() {
      await forgetStandIns(path);
      await rm(path, { recursive: true, force: true });
    },
  };
}

/**
 * Runs the server in a process of its own.
 *
 * @param variables its whole environment, beside a free port and a cheap bcrypt
 * @param ulimit what a shell's `ulimit` is to set before, such as `-n 256`
 */
export function startProcess(
  variables: Readonly<Record<string, string>>,
  ulimit?: string,
): ServerProcess {
  const limited = ['-c', `ulimit ${ulimit} && exec "$0" "$@"`, process.execPath, mainPath];
  const [command, argumentsOfIt] =
    ulimit === undefined ? [process.execPath, [mainPath]] : ['/bin/sh', limited];
  const child = spawn(command, argumentsOfIt, {
    env: { PORT: '0', LATCHKEY_BCRYPT_COST: '4', ...variablesOnPlace(variables) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    stderr += piece;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  const ready = new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      stdout += piece;
      const url = /Latchkey \S+ is ready on (http:\S+) /.exec(stdout)?.[1];
      if (url !== undefined) resolve(url);
    });
    void ended.then(() => reject(new Error(`The server ended before it was ready:\n${stderr}`)));
  });
  // A test of a refusal to start does not wait for it.
  ready.catch(() => {});
  if (child.pid === undefined) throw new Error('The system gives no further process.');
  return {
    pid: child.pid,
    ready,
    ended,
    stdout: () => stdout,
    stderr: () => stderr,
    kill: (signal) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
