import { readFileSync } from 'node:fs';
import { request, type Agent } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { createApi, type Api } from '../contract/api.ts';
import { startProcess, type ServerProcess } from '../contract/server-process.ts';

export const workers = 3;

/** A server of three workers on a file. */
export function startWorkers(
  path: string,
  variables: Readonly<Record<string, string>> = {},
): ServerProcess {
  return startProcess({
    DATABASE_URL: `file:${path}`,
    LATCHKEY_WORKERS: String(workers),
    LATCHKEY_RATE_LIMITS: 'off',
    ...variables,
  });
}

/** The processes that a server has started, as Linux knows them. */
export function pidsOf({ pid }: Pick<ServerProcess, 'pid'>): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return children.split(' ').filter(Boolean).map(Number);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // There is no such process.
  }
}

/** What the server has logged, parsed; the start screen is left out. */
export function logOf(server: Pick<ServerProcess, 'stdout'>): Record<string, unknown>[] {
  return server
    .stdout()
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Waits for it, so long as a slow machine may need. */
export async function until(what: string, isSo: () => boolean, deadlineMs = 60_000): Promise<void> {
  const startedAt = performance.now();
  while (!isSo()) {
    if (performance.now() - startedAt > deadlineMs) throw new Error(`Not within time: ${what}`);
    await setTimeout(20);
  }
}

/** A connection that says nothing for so long hangs. */
const silenceMs = 20_000;

/**
 * Calls over a new connection each, so that each goes to another worker; or over kept ones with
 * an agent that does.
 */
export function createFreshApi(url: string, agent: Agent | false = false): Api {
  return createApi(url, (target, { method = 'GET', headers, body }) => {
    // The calls of `createApi` have both as text.
    const options = { method, agent, headers: headers as Record<string, string> };
    return new Promise((resolve, reject) => {
      const sent = request(target, { ...options, timeout: silenceMs }, (answer) => {
        const pieces: Buffer[] = [];
        answer.on('data', (piece: Buffer) => pieces.push(piece));
        answer.on('error', reject);
        answer.on('end', () => {
          const { statusCode: status = 0, headersDistinct } = answer;
          const pairs = Object.entries(headersDistinct).flatMap(([name, values = []]) =>
            values.map((value): [string, string] => [name, value]),
          );
          resolve(new Response(Buffer.concat(pieces), { status, headers: pairs }));
        });
      });
      sent.on('timeout', () => sent.destroy(new Error('hangs')));
      sent.on('error', reject).end(body as string | undefined);
    });
  });
}
