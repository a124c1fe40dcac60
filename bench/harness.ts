import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import type { Question, Ready, Usage } from './servers/child.ts';

/** A measurement that says nothing, and why. */
export class RefusedRun extends Error {
  override readonly name = 'RefusedRun';
}

/** What one connection sends, again and again. */
export interface Call {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Like `body` changed by `follow`, and kept from one slice to the next. */
  headers: Readonly<Record<string, string>>;
  body?: string;
  /** What the next call has that is new, out of the answer to this one. */
  readonly follow?: (answer: string) => Partial<Pick<Call, 'headers' | 'body'>>;
  /** What stands in every answer that was asked for; part of an address of ours by default. */
  readonly shows?: string;
}

/** A number of operations, and what they took. */
export interface Slice {
  readonly operations: number;
  readonly seconds: number;
  /** Processor time of the process under test, in microseconds. */
  readonly cpuMicros: number;
  /** The same of this process, which makes the load. */
  readonly loadCpuMicros: number;
}

/** Something to be measured: a server with its load, or a process that works by itself. */
export interface Subject {
  /** Operations under way at once; the least that a slice may have. */
  readonly concurrency: number;
  measure(operations: number): Promise<Slice>;
  /** Stops the process behind it. */
  end?(): Promise<void>;
}

/** How long each figure is measured. */
export interface Plan {
  /** Pairs of slices. */
  readonly slices: number;
  readonly sliceSeconds: number;
  /** How long one goes on before it is measured, about: until its code is compiled. */
  readonly warmUpSeconds: number;
}

/** Least, middle and greatest of the slices. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** Two subjects side by side; each ratio is ours ÷ theirs within one pair of slices. */
export interface Comparison {
  readonly ours: Rate;
  readonly theirs: Rate;
  readonly rateRatio: Spread;
  /** Of the processor time for each operation. */
  readonly cpuRatio: Spread;
  /** Part of its core that the load generator used at most, 0 to 1. */
  readonly loadShare: number;
}

/** Medians of the slices of one side. */
export interface Rate {
  readonly perSecond: number;
  /** Processor time of one operation. */
  readonly cpuMicros: number;
  /** Part of a processor that it had while it was measured; over 1 with threads on several. */
  readonly coreShare: number;
}

/** Which processors are used for what; `null` where they cannot be chosen. */
export interface Pins {
  readonly server: number;
  readonly load: number;
}

/** The processes under test and their databases, gone when disposed. */
export interface Bench extends AsyncDisposable {
  /** The path of a database that is not there yet. */
  newDatabase(): string;
  /** @param file in `servers/`, or an absolute path */
  start(
    file: string,
    options?: { args?: readonly string[]; env?: Readonly<Record<string, string>> },
  ): Promise<ServerProcess>;
}

/** A process under test. */
export interface ServerProcess extends Ready {
  /** Has it do so many operations; resolves with its processor time so far, in microseconds. */
  run(operations: number): Promise<number>;
  /** Memory that it holds now, in bytes. */
  residentBytes(): Promise<number>;
  stop(): Promise<void>;
}

/** Puts this process, which makes the load, on a processor of its own, if there are two. */
export function pinLoad(): Pins | null {
  const [server, load] = allowedProcessors();
  if (server === undefined || load === undefined) return null;
  const { status } = spawnSync('taskset', ['-acp', String(load), String(process.pid)]);
  return status === 0 ? { server, load } : null;
}

function allowedProcessors(): number[] {
  if (process.platform !== 'linux') return [];
  const status = readFileSync('/proc/self/status', 'utf8');
  const ranges = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1]?.split(',') ?? [];
  return ranges.flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

export function createBench(pins: Pins | null): Bench {
  // Beside where `npm start` keeps its database: /tmp may be memory, where a commit costs nothing.
  const data = fileURLToPath(new URL('../data', import.meta.url));
  mkdirSync(data, { recursive: true });
  const folder = mkdtempSync(join(data, 'bench-'));
  const children: ChildProcess[] = [];

  let databases = 0;

  return {
    newDatabase() {
      databases += 1;
      return join(folder, `${databases}.db`);
    },
    async start(file, { args = [], env = {} } = {}) {
      const path = resolve(import.meta.dirname, 'servers', file);
      const pinned = pins ? ['taskset', '-c', String(pins.server)] : [];
      const [command = '', ...rest] = [...pinned, process.execPath, path, ...args];
      // Nothing of the shell's own settings reaches what is measured.
      const child = spawn(command, rest, {
        cwd: folder,
        env: { PATH: process.env['PATH'], ...env },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      children.push(child);
      const { url } = (await messageOf(child, path)) as Ready; // As servers/child.ts sends it.
      const ask = async (operations: number) => {
        child.send({ operations } satisfies Question);
        return (await messageOf(child, path)) as Usage; // As servers/child.ts sends it.
      };
      return {
        url,
        run: async (operations) => (await ask(operations)).cpuMicros,
        residentBytes: async () => (await ask(0)).residentBytes,
        stop: () => stop(child),
      };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(children.map(stop));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill();
  await once(child, 'exit');
}

async function messageOf(child: ChildProcess, path: string): Promise<unknown> {
  const waiting = new AbortController();
  const options = { signal: waiting.signal };
  try {
    return await Promise.race([
      once(child, 'message', options).then(([message]: unknown[]) => message),
      once(child, 'exit', options).then(() => {
        throw new Error(`${path} ended by itself. Run it by hand to see why.`);
      }),
    ]);
  } finally {
    waiting.abort();
  }
}

/** A server under load, on one connection kept open for each call. */
export function underLoad(server: ServerProcess, calls: readonly Call[]): Subject {
  const { url } = server;
  if (url === null) throw new Error('A server without a URL cannot be loaded.');
  return {
    concurrency: calls.length,
    measure: (operations) => measure(server, operations, () => load({ url, calls, operations })),
    end: () => server.stop(),
  };
}

/** A process that does its operations by itself, one after the other. */
export function byItself(worker: ServerProcess): Subject {
  return {
    concurrency: 1,
    measure: (operations) =>
      measure(worker, operations, async () => {
        const startedAt = performance.now();
        await worker.run(operations);
        return (performance.now() - startedAt) / 1_000;
      }),
    end: () => worker.stop(),
  };
}

/** Two as if they were one: each operation is one of both. `second` is what ends with it. */
export function together(first: Subject, second: Subject): Subject {
  return {
    ...second,
    concurrency: Math.max(first.concurrency, second.concurrency),
    async measure(operations) {
      const one = await first.measure(operations);
      const other = await second.measure(operations);
      return {
        operations,
        seconds: one.seconds + other.seconds,
        cpuMicros: one.cpuMicros + other.cpuMicros,
        loadCpuMicros: one.loadCpuMicros + other.loadCpuMicros,
      };
    },
  };
}

async function measure(
  subject: ServerProcess,
  operations: number,
  work: () => Promise<number>,
): Promise<Slice> {
  const ownBefore = process.cpuUsage();
  const before = await subject.run(0);
  const seconds = await work();
  const cpuMicros = (await subject.run(0)) - before;
  const { user, system } = process.cpuUsage(ownBefore);
  return { operations, seconds, cpuMicros, loadCpuMicros: user + system };
}

/**
 * Sends exactly that many requests and waits for each answer, so that no refresh token is
 * lost on the way. Gives the seconds from the first request to the last answer.
 *
 * @throws RefusedRun where an answer was not 200 or not what was asked for
 */
async function load(options: {
  readonly url: string;
  readonly calls: readonly Call[];
  readonly operations: number;
}): Promise<number> {
  const { url, calls, operations } = options;
  const { shows = '@example.com' } = calls[0] ?? {};
  const unassigned = [...calls];
  const startedAt = performance.now();
  let endedAt = startedAt;
  const result = await autocannon({
    url,
    connections: calls.length,
    amount: operations,
    // How soon it notices that it is through; the time is taken here.
    sampleInt: 10,
    setupClient(client) {
      const call = unassigned.shift();
      if (!call) throw new Error('There are more connections than calls.');
      const { method, path, headers, body, follow } = call;
      client.setRequests([
        {
          method,
          path,
          headers,
          body,
          onResponse:
            follow &&
            ((_status, answer) => {
              Object.assign(call, follow(answer));
              client.setHeadersAndBody(call.headers, call.body);
            }),
        },
      ]);
    },
    verifyBody(body) {
      endedAt = performance.now();
      // Nearly every answer asked for shows its user; better-auth says 200 and null to a stranger.
      return body?.includes(shows) ?? false;
    },
  });
  const answered = result.statusCodeStats?.['200']?.count ?? 0;
  if (answered !== operations || result.errors > 0 || result.mismatches > 0) {
    const counts = JSON.stringify(result.statusCodeStats ?? {});
    throw new RefusedRun(
      `The run is refused: of ${operations} requests to ${calls[0]?.path} ${answered} were answered with 200, ` +
        `${result.mismatches} without ${shows}, ${result.errors} failed (${counts}).`,
    );
  }
  return (endedAt - startedAt) / 1_000;
}

/** Measures two subjects in pairs of neighbouring slices, the first of a pair in turn. */
export async function compare(
  [ours, theirs]: readonly [Subject, Subject],
  plan: Plan,
): Promise<Comparison> {
  const operations = { ours: await warmUp(ours, plan), theirs: await warmUp(theirs, plan) };
  const pairs: { ours: Slice; theirs: Slice }[] = [];
  for (let index = 0; index < plan.slices; index += 1) {
    if (index % 2 === 0) {
      const first = await ours.measure(operations.ours);
      pairs.push({ ours: first, theirs: await theirs.measure(operations.theirs) });
    } else {
      const first = await theirs.measure(operations.theirs);
      pairs.push({ ours: await ours.measure(operations.ours), theirs: first });
    }
  }
  const slices = pairs.flatMap((pair) => [pair.ours, pair.theirs]);
  return {
    ours: rateOf(pairs.map((pair) => pair.ours)),
    theirs: rateOf(pairs.map((pair) => pair.theirs)),
    rateRatio: spreadOf(pairs.map((pair) => perSecond(pair.ours) / perSecond(pair.theirs))),
    cpuRatio: spreadOf(pairs.map((pair) => cpuOfOne(pair.ours) / cpuOfOne(pair.theirs))),
    loadShare: Math.max(...slices.map((slice) => slice.loadCpuMicros / slice.seconds / 1e6)),
  };
}

/** Runs until the code is compiled, and finds how many operations fill a slice. */
async function warmUp(subject: Subject, { sliceSeconds, warmUpSeconds }: Plan): Promise<number> {
  let operations = subject.concurrency;
  for (;;) {
    const { seconds } = await subject.measure(operations);
    const inSeconds = (wanted: number) => Math.ceil((operations * wanted) / seconds);
    if (seconds >= warmUpSeconds / 2) return Math.max(subject.concurrency, inSeconds(sliceSeconds));
    operations = Math.min(inSeconds(warmUpSeconds), operations * 4);
  }
}

function perSecond({ operations, seconds }: Slice): number {
  return operations / seconds;
}

function cpuOfOne({ operations, cpuMicros }: Slice): number {
  return cpuMicros / operations;
}

function rateOf(slices: readonly Slice[]): Rate {
  return {
    perSecond: spreadOf(slices.map(perSecond)).median,
    cpuMicros: spreadOf(slices.map(cpuOfOne)).median,
    coreShare: spreadOf(slices.map((slice) => slice.cpuMicros / slice.seconds / 1e6)).median,
  };
}

/** Least, middle and greatest. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  const last = sorted.length - 1;
  const median = (at(Math.floor(last / 2)) + at(Math.ceil(last / 2))) / 2;
  return { min: at(0), median, max: at(last) };
}
