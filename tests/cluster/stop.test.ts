import { writeFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { goodPassword } from '../contract/api.ts';
import { beginRequest, untilRefused } from '../contract/raw-socket.ts';
import { createFolder, startProcess } from '../contract/server-process.ts';
import { createFreshApi, isAlive, logOf, pidsOf, startWorkers, until, workers } from './workers.ts';

/** So many that every worker has some. */
function registrations(): string[] {
  return Array.from({ length: 3 * workers }, (_, index) =>
    JSON.stringify({ email: `under-way-${index}@workers.example`, password: goodPassword }),
  );
}

describe('workers that stop', { timeout: 240_000 }, () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'on %s answer what is under way, in spite of a client that never ends its request',
    async (signal) => {
      await using folder = await createFolder();
      await using server = startWorkers(join(folder.path, 'a.db'));
      const url = await server.ready;
      const pids = pidsOf(server);
      const underWay = await Promise.all(
        registrations().map((body) => beginRequest(url, '/trpc/auth.register', { body })),
      );
      const endless = await beginRequest(url, '/trpc/auth.register', { body: 'x'.repeat(99) });
      // As a terminal does, which tells every process of the group: they leave it to the primary.
      for (const pid of pids) process.kill(pid, signal);
      expect((await createFreshApi(url).send('/health/ready')).status).toBe(200);
      server.kill(signal);
      await untilRefused(url);
      for (const text of await Promise.all(underWay.map((request) => request.finish()))) {
        expect(text).toMatch(/HTTP\/1\.1 200 OK/);
        expect(text).toMatch(/^connection: close\r$/im);
      }
      expect(await server.ended).toEqual({ code: 0, signal: null });
      await endless.closed;
      expect(server.stderr()).toBe('');
      expect(pids.filter(isAlive)).toEqual([]);
    },
  );

  test('end with 0 when they are told to as soon as they are ready', async () => {
    await using folder = await createFolder();
    await using server = startWorkers(join(folder.path, 'a.db'));
    void server.ready.then(() => server.kill('SIGTERM'));
    expect(await server.ended).toEqual({ code: 0, signal: null });
  });

  test('a second signal ends them at once', async () => {
    await using folder = await createFolder();
    await using server = startWorkers(join(folder.path, 'a.db'));
    const url = await server.ready;
    const pids = pidsOf(server);
    const endless = await beginRequest(url, '/trpc/auth.register', { body: 'x'.repeat(99) });
    server.kill('SIGTERM');
    await untilRefused(url);
    server.kill('SIGTERM');
    expect(await server.ended).toEqual({ code: 1, signal: null });
    await endless.closed;
    await until('no worker is left', () => !pids.some(isAlive));
  });

  test('do not outlive a primary that is killed, and answer what is under way', async () => {
    await using folder = await createFolder();
    await using server = startWorkers(join(folder.path, 'a.db'));
    const url = await server.ready;
    const pids = pidsOf(server);
    const underWay = await Promise.all(
      registrations().map((body) => beginRequest(url, '/trpc/auth.register', { body })),
    );
    server.kill('SIGKILL');
    for (const text of await Promise.all(underWay.map((request) => request.finish()))) {
      expect(text).toMatch(/HTTP\/1\.1 200 OK/);
    }
    await until('no worker is left', () => !pids.some(isAlive));
    expect(await server.ended).toMatchObject({ signal: 'SIGKILL' });
    expect(server.stderr()).toBe('');
  });

  test('after an error outside of any call a worker says so, and is replaced', async () => {
    await using folder = await createFolder();
    const path = join(folder.path, 'fail.mjs');
    await writeFile(path, "process.once('SIGWINCH', () => { throw new Error('xyzzy'); });");
    await using server = startWorkers(join(folder.path, 'a.db'), {
      NODE_OPTIONS: `--import=${path}`,
    });
    const url = await server.ready;
    const [failing = 0, ...others] = pidsOf(server);
    process.kill(failing, 'SIGWINCH');
    await until('another has its place', () =>
      logOf(server).some(({ msg }) => msg === 'a worker is ready'),
    );
    expect(pidsOf(server)).toEqual(expect.arrayContaining(others));
    expect(pidsOf(server)).not.toContain(failing);
    expect(JSON.parse(server.stderr())).toMatchObject({ error: 'Error' });
    expect(server.stdout() + server.stderr()).not.toContain('xyzzy');
    expect((await createFreshApi(url).send('/health/ready')).status).toBe(200);
  });

  test.each(['1', '2'])(
    'of %s with a delay, a server takes new work while it says that it is not ready',
    async (count) => {
      await using folder = await createFolder();
      const database = join(folder.path, 'a.db');
      await using server = startProcess({
        DATABASE_URL: `file:${database}`,
        LATCHKEY_WORKERS: count,
        LATCHKEY_STOP_DELAY: '5',
      });
      const url = await server.ready;
      const fresh = createFreshApi(url);
      using kept = createKeptAgent();
      const api = createFreshApi(url, kept.agent);
      expect((await api.send('/health/ready')).headers.get('connection')).toBe('keep-alive');
      server.kill('SIGTERM');
      let answer = await fresh.send('/health/ready');
      while (answer.status === 200) answer = await fresh.send('/health/ready');
      expect(answer).toMatchObject({ status: 503, text: expect.stringContaining('stopping') });
      const input = { email: 'late@workers.example', password: goodPassword };
      expect((await fresh.mutate('auth.register', { input })).status).toBe(200);
      const last = await api.send('/.well-known/jwks.json');
      expect([last.status, last.headers.get('connection')]).toEqual([200, 'close']);
      expect(await server.ended).toEqual({ code: 0, signal: null });
      expect(server.stderr()).toBe('');
    },
  );
});

function createKeptAgent(): Disposable & { readonly agent: Agent } {
  const agent = new Agent({ keepAlive: true });
  return { agent, [Symbol.dispose]: () => agent.destroy() };
}
