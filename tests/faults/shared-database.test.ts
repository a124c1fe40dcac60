import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setInterval } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  createApi,
  errorOf,
  me,
  refresh,
  register,
  signedInOf,
  type Answer,
  type Api,
  type SignedIn,
} from '../contract/api.ts';
import { holdLock } from '../contract/database-lock.ts';
import { createFolder, startProcess, type ServerProcess } from '../contract/server-process.ts';
import { lacks } from '../kit/mode.ts';
import { print } from '../kit/print.ts';
import { variables } from './servers.ts';
import { isPromisedSize, percentile, roundsOf, startTrials, timeoutFor } from './trials.ts';

const lockedMs = 3_000;
const askEveryMs = 10;
const writers = 8;

let folder: Awaited<ReturnType<typeof createFolder>>;
let path: string;
let server: ServerProcess;
let api: Api;
beforeEach(async () => {
  folder = await createFolder();
  path = join(folder.path, 'a.db');
  server = startProcess({ ...variables, DATABASE_URL: `file:${path}` });
  api = createApi(await server.ready);
}, timeoutFor(0));
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** Whether a writer was told to come again, or what else it was told. */
function judgeRefusal(answer: Answer): string | null {
  const { reason } = errorOf(answer).data;
  const isRight = answer.status === 503 && reason === 'overloaded';
  return isRight && answer.headers.get('retry-after') === '1' ? null : answer.text;
}

const rounds = roundsOf(10, 1);

test(
  'locked by another process for 3 s: readers read on, writers are done or told to come again',
  { timeout: timeoutFor(rounds * 10) },
  async () => {
    using trials = startTrials('Calls to a server whose database is locked for 3 s', false);
    const people = await Promise.all(Array.from({ length: writers }, () => register(api)));
    const reader = await register(api);
    const latenciesMs: number[] = [];
    let done = 0;
    let told = 0;

    async function ask(): Promise<void> {
      const askedAt = performance.now();
      const answer = await api.query('user.me', { token: reader.accessToken });
      latenciesMs.push(performance.now() - askedAt);
      trials.count(answer.status === 200 ? null : answer.text);
    }

    /** Refreshes and writes by turns, and knows only what has been acknowledged. */
    async function write(person: SignedIn, isLocked: () => boolean): Promise<SignedIn> {
      let current = person;
      for (let turn = 0; isLocked(); turn += 1) {
        const token = current.accessToken;
        const answer =
          turn % 2 === 0
            ? await refresh(api, current.refreshToken)
            : await api.mutate('user.update', { token, input: { name: `Name ${turn}` } });
        if (answer.status === 200) done += 1;
        else told += 1;
        trials.count(answer.status === 200 ? null : judgeRefusal(answer));
        if (turn % 2 === 0 && answer.status === 200) current = signedInOf(answer);
      }
      return current;
    }

    for (let round = 0; round < rounds; round += 1) {
      const lock = await holdLock(path);
      let isLocked = true;
      const writing = people.map((person) => write(person, () => isLocked));
      const asking: Promise<void>[] = [];
      const lockedAt = performance.now();
      // At a fixed rate: whoever waits for an answer before asking again would not see a stop.
      for await (const _ of setInterval(askEveryMs)) {
        asking.push(ask());
        if (performance.now() - lockedAt >= lockedMs) break;
      }
      isLocked = false;
      await lock.release();
      await Promise.all(asking);
      for (const [index, current] of (await Promise.all(writing)).entries()) {
        const next = await refresh(api, current.refreshToken);
        trials.count(next.status === 200 ? null : `signed out: ${next.text}`);
        people[index] = signedInOf(next);
      }
    }
    expect(trials.failures).toEqual([]);
    expect(told).toBeGreaterThan(0);

    const [half, most, all] = [50, 99, 100].map((percent) =>
      percentile(latenciesMs, percent).toFixed(0),
    );
    const promise = isPromisedSize ? ' (promised: under 250 ms)' : '';
    print(
      `user.me while the database is locked, ${latenciesMs.length} times, one each ${askEveryMs} ms: ` +
        `p50 ${half} ms, p99 ${most} ms${promise}, longest ${all} ms`,
    );
    print(
      `Writes meanwhile, of ${writers} at once: ${done} done, ${told} told to come again (503)`,
    );
  },
);

test.skipIf(lacks("SQLite's file"))(
  'read for long by another process: writers go on, and the log grows until the reader is gone',
  async () => {
    const writes = roundsOf(1_500, 150);
    const { accessToken: token } = await register(api);
    const names: string[] = [];
    const logBytes = async () => (await stat(`${path}-wal`)).size;

    async function write(): Promise<void> {
      for (let count = 0; count < writes; count += 1) {
        const name = `Name ${names.length}`;
        const answer = await api.mutate('user.update', { token, input: { name } });
        expect(answer.status).toBe(200);
        names.push(name);
      }
    }

    const reader = new Database(path, { readonly: true });
    const rows = reader.prepare('SELECT name FROM users').iterate();
    const before = rows.next().value;
    await write();
    const half = await logBytes();
    await write();
    const grown = await logBytes();
    // What the reader sees is from before: that is what keeps the log.
    expect(reader.prepare('SELECT name FROM users').all()).toContainEqual(before);
    rows.return?.();
    reader.close();
    await write();
    await write();
    const after = await logBytes();
    expect((await me(api, token)).name).toBe(names.at(-1));
    // It begins anew in the same file, which stays as long as it was.
    expect(after).toBeLessThanOrEqual(Math.max(grown, half) + (grown - half));

    server.kill('SIGTERM');
    expect(await server.ended).toEqual({ code: 0, signal: null });
    await expect(stat(`${path}-wal`)).rejects.toThrow('ENOENT');
    const kept = new Database(path, { readonly: true });
    expect(kept.pragma('integrity_check', { simple: true })).toBe('ok');
    expect(kept.prepare('SELECT name FROM users WHERE name IS NOT NULL').pluck().all()).toEqual([
      names.at(-1),
    ]);
    kept.close();
    const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
    print(
      `A reader that stays: after ${writes} writes the log has ${mebibytes(half)}, after ${2 * writes} ` +
        `${mebibytes(grown)}; ${2 * writes} writes after it has gone, ${mebibytes(after)}; closed, none`,
    );
  },
  timeoutFor(roundsOf(1_500, 150)),
);
