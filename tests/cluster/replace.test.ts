import { Agent } from 'node:http';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { me, refresh, register, signedInOf, type Api, type SignedIn } from '../contract/api.ts';
import { createFolder, type ServerProcess } from '../contract/server-process.ts';
import { percentile, roundsOf } from '../faults/trials.ts';
import { print } from '../kit/print.ts';
import { createFreshApi, isAlive, logOf, pidsOf, startWorkers, until, workers } from './workers.ts';

const clients = 8;

/** What clients that call without a break meet. */
interface Load {
  readonly answered: () => number;
  /** Ends it, and says what was not answered as it should be. */
  finish(): Promise<readonly string[]>;
}

/** Half of the clients keep their connections, half make one for each call. */
async function startLoad(url: string): Promise<Load> {
  const agents = Array.from({ length: clients / 2 }, () => new Agent({ keepAlive: true }));
  const apis = agents.map((agent) => createFreshApi(url, agent));
  while (apis.length < clients) apis.push(createFreshApi(url));
  const people = await Promise.all(
    apis.map(async (api) => ({ api, signedIn: await register(api) })),
  );
  const failures: string[] = [];
  let answered = 0;
  let isOver = false;

  async function callOn(api: Api, person: SignedIn): Promise<void> {
    let signedIn = person;
    for (let turn = 0; !isOver; turn += 1) {
      try {
        if (turn % 4 === 0) {
          // A reply that was lost is asked for again, with the same token.
          signedIn = signedInOf(await refresh(api, signedIn.refreshToken));
        } else {
          await me(api, signedIn.accessToken);
        }
        answered += 1;
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
      }
    }
  }

  const calling = people.map(({ api, signedIn }) => callOn(api, signedIn));
  return {
    answered: () => answered,
    async finish() {
      isOver = true;
      await Promise.all(calling);
      for (const agent of agents) agent.destroy();
      return failures;
    },
  };
}

function countReady(server: ServerProcess): number {
  return logOf(server).filter(({ msg }) => msg === 'a worker is ready').length;
}

const quiet = { LATCHKEY_LOG_LEVEL: 'info', NODE_ENV: 'test' };

describe('workers that are replaced', { timeout: 300_000 }, () => {
  test('kill -9 under load costs only what the worker had, and another takes its place', async () => {
    const kills = roundsOf(50, 3);
    await using folder = await createFolder();
    await using server = startWorkers(join(folder.path, 'a.db'), quiet);
    const url = await server.ready;
    const load = await startLoad(url);
    let lost = 0;
    for (let kill = 1; kill <= kills; kill += 1) {
      const before = load.answered();
      await until('the load goes on', () => load.answered() > before + 200);
      const [victim = 0] = pidsOf(server);
      process.kill(victim, 'SIGKILL');
      await until('the killed worker is replaced', () => countReady(server) === kill);
      expect(pidsOf(server)).toHaveLength(workers);
      expect(pidsOf(server)).not.toContain(victim);
    }
    const failures = await load.finish();
    lost = failures.length;
    // Each client has one call under way, and a kill ends those that one worker has.
    expect(lost).toBeLessThanOrEqual(kills * clients);
    expect(failures.filter((failure) => !/ECONNRESET|hang up/.test(failure))).toEqual([]);
    print(`kill -9 of a worker, ${kills} times: ${load.answered()} answered, ${lost} cut off`);
    const deaths = logOf(server).filter(({ msg }) => msg === 'a worker has died');
    expect(deaths).toHaveLength(kills);
    expect(deaths[0]).toMatchObject({
      level: 'error',
      code: null,
      signal: 'SIGKILL',
      pid: server.pid,
    });
    server.kill('SIGTERM');
    expect(await server.ended).toEqual({ code: 0, signal: null });
    expect(server.stderr()).toBe('');
  });

  test('one that keeps dying is replaced ever later', async () => {
    await using folder = await createFolder();
    await using server = startWorkers(join(folder.path, 'a.db'));
    await server.ready;
    const [, ...others] = pidsOf(server);
    for (let kill = 1; kill <= 3; kill += 1) {
      const [victim = 0] = pidsOf(server).filter((pid) => !others.includes(pid));
      process.kill(victim, 'SIGKILL');
      await until('it is replaced', () => countReady(server) === kill);
    }
    const waits = logOf(server).flatMap(({ delayMs }) => (delayMs === undefined ? [] : [delayMs]));
    expect(waits).toEqual([500, 1_000]);
    expect(pidsOf(server)).toEqual(expect.arrayContaining(others));
  });

  test('SIGHUP under load replaces all, and every request is answered', async () => {
    const least = roundsOf(50_000, 3_000);
    await using folder = await createFolder();
    await using server = startWorkers(join(folder.path, 'a.db'), quiet);
    const url = await server.ready;
    const load = await startLoad(url);
    const tookMs: number[] = [];
    const all = new Set(pidsOf(server));
    for (let round = 1; round <= 2 || load.answered() < least; round += 1) {
      const old = pidsOf(server);
      const startedAt = performance.now();
      server.kill('SIGHUP');
      await until('all are replaced', () => countReady(server) >= round * workers);
      // An idle connection may stay for half a minute: nobody is cut off.
      await until('the old ones have gone', () => !old.some(isAlive), 90_000);
      tookMs.push(performance.now() - startedAt);
      const now = pidsOf(server);
      expect(now).toHaveLength(workers);
      expect(now.filter((pid) => all.has(pid))).toEqual([]);
      for (const pid of now) all.add(pid);
    }
    expect(await load.finish()).toEqual([]);
    const longest = percentile(tookMs, 100).toFixed(0);
    print(
      `SIGHUP under load, ${tookMs.length} times: ${load.answered()} requests, all answered; ` +
        `${workers} workers replaced within ${longest} ms`,
    );
    server.kill('SIGTERM');
    expect(await server.ended).toEqual({ code: 0, signal: null });
    expect(server.stderr()).toBe('');
  });
});
