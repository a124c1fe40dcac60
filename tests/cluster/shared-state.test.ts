import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { decodeProtectedHeader } from 'jose';
import { describe, expect, test } from 'vitest';
import { verifyAuditLog } from '../../server/audit/verify-audit-log.ts';
import { createRuntime } from '../../server/runtime.ts';
import { createTestLatchkey } from '../../server/testing/index.ts';
import {
  createApi,
  goodPassword,
  login,
  refresh,
  refusalOf,
  refusals,
  register,
  signedInOf,
  valueOf,
} from '../contract/api.ts';
import { createFolder } from '../contract/server-process.ts';
import { admin, variables } from '../faults/servers.ts';
import { roundsOf, startTrials, timeoutFor } from '../faults/trials.ts';
import { lacks } from '../kit/mode.ts';
import { startProcesses } from './processes.ts';
import { createFreshApi, logOf, startWorkers, until, workers } from './workers.ts';

const revocations = roundsOf(1_000, 20);
const rotations = roundsOf(100, 5);
/** New connections go to the workers in turn, so that each is asked. */
const everybody = 2 * workers;

test.skipIf(lacks("SQLite's file"))(
  'a session that ended at one worker is refused by all others, at once',
  { timeout: timeoutFor(revocations) },
  async () => {
    await using folder = await createFolder();
    await using server = startWorkers(join(folder.path, 'a.db'), variables);
    const api = createFreshApi(await server.ready);
    const { user } = await register(api);
    using trials = startTrials('Revocations, each looked for at all workers', false);
    for (let round = 0; round < revocations; round += 1) {
      const { accessToken: token, refreshToken } = await login(api, user.email);
      for (let ask = 0; ask < workers; ask += 1) valueOf(await api.query('user.me', { token }));
      valueOf(await api.mutate('auth.logout', { token }));
      const answers = await Promise.all(
        Array.from({ length: everybody }, () => api.query('user.me', { token })),
      );
      answers.push(await refresh(api, refreshToken));
      const other = answers.find((answer) => refusalOf(answer) !== refusals.sessionRevoked);
      trials.count(other?.text ?? null);
    }
    expect(trials.failures).toEqual([]);
  },
);

test(
  'a key that one worker has rotated is known to all others, and nobody is signed out',
  { timeout: timeoutFor(rotations * 5) },
  async () => {
    await using folder = await createFolder();
    await using server = startWorkers(join(folder.path, 'a.db'), variables);
    const api = createFreshApi(await server.ready);
    const { accessToken: adminToken } = signedInOf(
      await api.mutate('auth.login', { input: admin }),
    );
    using trials = startTrials('Rotations of the signing key, tokens tried at all workers', false);
    let person = await register(api);
    for (let round = 0; round < rotations; round += 1) {
      const before = person.accessToken;
      const { activeKeyId } = valueOf(
        await api.mutate('admin.rotateKeys', { token: adminToken }),
      ) as { activeKeyId: string };
      // Until the one who is asked signs with it.
      do {
        person = signedInOf(await refresh(api, person.refreshToken));
      } while (decodeProtectedHeader(person.accessToken).kid !== activeKeyId);
      const answers = await Promise.all(
        [person.accessToken, before, adminToken].flatMap((token) =>
          Array.from({ length: everybody }, () => api.query('user.me', { token })),
        ),
      );
      trials.count(answers.find(({ status }) => status !== 200)?.text ?? null);
    }
    expect(trials.failures).toEqual([]);
  },
);

test.skipIf(lacks("SQLite's file"))(
  'all workers prune at once, and nothing is damaged by it',
  { timeout: 120_000 },
  async () => {
    await using folder = await createFolder();
    const path = join(folder.path, 'a.db');
    const secret = randomBytes(32).toString('base64url');
    const dayMs = 86_400_000;
    const people = 150;
    {
      const longAgo = createRuntime(() => Date.now() - 3 * dayMs);
      const settings = { database: `file:${path}`, secret, sessionTtlSeconds: 3_600 };
      await using t = await createTestLatchkey({ ...settings, runtime: longAgo });
      const handle = t.latchkey.fetchHandler();
      const api = createApi('http://localhost:4000', (url, init) => handle(new Request(url, init)));
      for (let count = 0; count < people; count += 1) await register(api);
    }
    const database = new Database(path, { readonly: true });
    const count = (rows: string) => database.prepare(`SELECT count(*) FROM ${rows}`).pluck().get();
    const old = `audit_events WHERE at < ${Date.now() - dayMs}`;
    expect([count('sessions'), Number(count(old)) >= people]).toEqual([people, true]);

    // Each minute is a tenth of a second.
    const hurry = join(folder.path, 'hurry.mjs');
    await writeFile(
      hurry,
      `const { setInterval } = globalThis;
     globalThis.setInterval = (work, ms, ...rest) => setInterval(work, ms === 60_000 ? 100 : ms, ...rest);`,
    );
    await using server = startWorkers(path, {
      LATCHKEY_SECRET: secret,
      LATCHKEY_AUDIT_RETENTION_DAYS: '1',
      NODE_OPTIONS: `--import=${hurry}`,
    });
    const api = createFreshApi(await server.ready);
    const person = await register(api);
    await until('all is pruned', () => count('sessions') === 1 && count(old) === 0);
    expect((await refresh(api, person.refreshToken)).status).toBe(200);
    expect(count('users')).toBe(people + 2);
    database.close();
    server.kill('SIGTERM');
    expect(await server.ended).toEqual({ code: 0, signal: null });
    expect(logOf(server).filter(({ level }) => level !== 'info')).toEqual([]);

    await using t = await createTestLatchkey({ database: `file:${path}`, secret });
    const { accounts, auditChain } = t.composition;
    const { problem, verified } = await verifyAuditLog(accounts.store, auditChain);
    expect([problem, verified > 0]).toEqual([null, true]);
  },
);

test('limits and figures are those of all workers together', { timeout: 60_000 }, async () => {
  await using folder = await createFolder();
  const allowed = 5;
  await using server = startWorkers(join(folder.path, 'a.db'), {
    LATCHKEY_RATE_LIMITS: 'on',
    LATCHKEY_LIMITS: `registerPerAddress=${allowed}/3600`,
    LATCHKEY_METRICS: 'on',
  });
  const api = createFreshApi(await server.ready);
  const statuses: number[] = [];
  for (let count = 0; count < allowed + everybody; count += 1) {
    const input = { email: `limited-${count}@workers.example`, password: goodPassword };
    statuses.push((await api.mutate('auth.register', { input })).status);
  }
  expect(statuses.filter((status) => status === 200)).toHaveLength(allowed);
  expect(new Set(statuses.slice(allowed))).toEqual(new Set([429]));
  const answers = [];
  for (let ask = 0; ask < workers; ask += 1) answers.push(await api.send('/metrics'));
  for (const { status, text } of answers) {
    expect(status).toBe(200);
    expect(text).toMatch(new RegExp(`^latchkey_processes(?:\\{.*\\})? ${workers}$`, 'm'));
    expect(text).toMatch(new RegExp(`^latchkey_registrations_total(?:\\{.*\\})? ${allowed}$`, 'm'));
  }
});

describe('processes on one database', () => {
  test('are started together, each with a port of its own, and killed one by one', async () => {
    await using folder = await createFolder();
    const database = `file:${join(folder.path, 'a.db')}`;
    await using started = await startProcesses({ count: 3, database });
    const [first, ...others] = started.processes;
    const person = await register(createFreshApi(first.url));
    first.kill('SIGKILL');
    expect(await first.ended).toMatchObject({ signal: 'SIGKILL' });
    let { refreshToken } = person;
    for (const { url } of others) {
      ({ refreshToken } = signedInOf(await refresh(createFreshApi(url), refreshToken)));
    }
    expect(new Set(started.processes.map(({ url }) => url)).size).toBe(3);
  }, 60_000);
});
