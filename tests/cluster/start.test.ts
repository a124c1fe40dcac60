import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { me, register } from '../contract/api.ts';
import { createFolder, startProcess } from '../contract/server-process.ts';
import { lacks } from '../kit/mode.ts';
import { createFreshApi, logOf, pidsOf, startWorkers, workers } from './workers.ts';

/** What there is in the database, one of each kind by its start. */
function countsIn(path: string): unknown[] {
  const database = new Database(path, { readonly: true });
  try {
    return ["users WHERE role = 'admin'", "signing_keys WHERE status = 'active'"].map((rows) =>
      database.prepare(`SELECT count(*) FROM ${rows}`).pluck().get(),
    );
  } finally {
    database.close();
  }
}

describe('LATCHKEY_WORKERS', { timeout: 240_000 }, () => {
  test.skipIf(lacks("SQLite's file"))(
    'starts all at once on nothing, says so once, makes one admin, and all serve',
    async () => {
      await using folder = await createFolder();
      const path = join(folder.path, 'a.db');
      await using server = startWorkers(path);
      const url = await server.ready;
      const screen = server.stdout();
      expect(screen.match(/is ready on http:\S+ with 3 workers after/g)).toHaveLength(1);
      expect(screen.match(/created the database/g)).toHaveLength(1);
      expect(screen.match(/created a secret in/g)).toHaveLength(1);
      expect(screen.match(/applied \d migration/g)).toHaveLength(1);
      const passwords = [...screen.matchAll(/^ +password +(\S+)$/gm)].map(
        ([, password]) => password,
      );
      expect(passwords).toHaveLength(1);
      expect(countsIn(path)).toEqual([1, 1]);
      const pids = pidsOf(server);
      expect(pids).toHaveLength(workers);

      const api = createFreshApi(url);
      const input = { email: 'admin@latchkey.localhost', password: passwords[0] };
      for (const _ of pids) {
        expect((await api.mutate('auth.login', { input })).status).toBe(200);
      }
      // Whatever one of them has made, the others know.
      const person = await register(api);
      for (const _ of pids) {
        expect((await me(api, person.accessToken)).id).toBe(person.user.id);
      }
      server.kill('SIGTERM');
      expect(await server.ended).toEqual({ code: 0, signal: null });
      expect(server.stderr()).toBe('');
      const requests = logOf(server).filter(({ msg }) => msg === 'request');
      expect(new Set(requests.map(({ pid }) => pid))).toEqual(new Set(pids));
    },
  );

  test('in production prints one line, and then JSON', async () => {
    await using folder = await createFolder();
    await using server = startWorkers(join(folder.path, 'a.db'), {
      NODE_ENV: 'production',
      LATCHKEY_SECRET: randomBytes(32).toString('base64url'),
      LATCHKEY_URL: 'https://auth.example.com',
      LATCHKEY_BCRYPT_COST: '10',
      LATCHKEY_RATE_LIMITS: 'on',
    });
    await createFreshApi(await server.ready).send('/health/ready');
    server.kill('SIGTERM');
    expect(await server.ended).toEqual({ code: 0, signal: null });
    const lines = server.stdout().trimEnd().split('\n');
    const messages = lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
    const ready = messages.filter((message) => message.startsWith('Latchkey'));
    expect(ready).toEqual([
      expect.stringMatching(
        /^Latchkey \S+ is ready on http:\S+ with 3 workers after \d+ ms; created the database$/,
      ),
    ]);
    expect(server.stderr()).toBe('');
  });

  test.skipIf(lacks("SQLite's file"))(
    'makes the admin of its variables, or says once why it cannot',
    async () => {
      await using folder = await createFolder();
      const admin = { LATCHKEY_ADMIN_EMAIL: 'admin@workers.example' };
      const path = join(folder.path, 'a.db');
      await using weak = startWorkers(path, { ...admin, LATCHKEY_ADMIN_PASSWORD: 'hunter2' });
      expect(await weak.ended).toEqual({ code: 1, signal: null });
      expect(weak.stdout()).toBe('');
      expect(weak.stderr()).toMatch(/^LATCHKEY_ADMIN_PASSWORD: .+\n$/);
      const password = 'a password of many workers';
      await using server = startWorkers(path, { ...admin, LATCHKEY_ADMIN_PASSWORD: password });
      await server.ready;
      expect(server.stdout()).not.toMatch(/password/);
      expect(countsIn(path)).toEqual([1, 1]);
    },
  );

  test.skipIf(lacks("SQLite's file"))(
    'says once what is wrong in the environment, before it starts any',
    async () => {
      await using bad = startWorkers('/nowhere/a.db', {
        PORT: 'hunter2',
        LATCHKEY_WORKERS: '65',
        LATCHKEY_STOP_DELAY: '6',
      });
      expect(await bad.ended).toEqual({ code: 1, signal: null });
      expect(bad.stdout()).toBe('');
      expect(bad.stderr()).toMatch(/^PORT: .+\nLATCHKEY_WORKERS: .+\nLATCHKEY_STOP_DELAY: .+\n$/);
      await using apart = startProcess({ LATCHKEY_WORKERS: '2', DATABASE_URL: ':memory:' });
      expect(await apart.ended).toEqual({ code: 1, signal: null });
      expect(apart.stderr()).toMatch(/^LATCHKEY_WORKERS: .+\n$/);
    },
  );

  test.skipIf(lacks("SQLite's file"))(
    'says once what no worker can start with: the port, the database, the secret',
    async () => {
      await using folder = await createFolder();
      const path = join(folder.path, 'a.db');
      await using server = startWorkers(path);
      const { port } = new URL(await server.ready);
      const other = randomBytes(32).toString('base64url');
      const noDatabase = join(folder.path, 'text');
      await writeFile(noDatabase, 'just some text');
      for (const [name, bad] of [
        ['PORT', startWorkers(path, { PORT: port })],
        ['DATABASE_URL', startWorkers(noDatabase)],
        ['LATCHKEY_SECRET', startWorkers(path, { LATCHKEY_SECRET: other })],
      ] as const) {
        await using refused = bad;
        expect(await refused.ended).toEqual({ code: 1, signal: null });
        expect(refused.stdout()).toBe('');
        expect(refused.stderr()).toMatch(new RegExp(`^${name}: .+\\n$`));
      }
      expect((await createFreshApi(`http://127.0.0.1:${port}`).send('/health/ready')).status).toBe(
        200,
      );
    },
  );

  test('one process is one process', async () => {
    await using server = startProcess({ DATABASE_URL: ':memory:', LATCHKEY_WORKERS: '1' });
    await server.ready;
    expect(pidsOf(server)).toEqual([]);
    expect(server.stdout()).not.toContain('workers');
  });
});
