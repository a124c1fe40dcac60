import { initTRPC } from '@trpc/server';
import { expect, test, vi } from 'vitest';
import { reasonOf } from '../../client/reason-of.ts';
import { verifyAuditLog } from '../../server/audit/verify-audit-log.ts';
import type { LatchkeyOptions } from '../../server/compose.ts';
import type { LatchkeyContext } from '../../server/trpc/context.ts';
import type { AuditEvent } from '../../shared/schemas.ts';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';
import { lacks } from '../kit/mode.ts';
import { auditPageOf, createApi, refusalOf, refusals } from './api.ts';
import { holdLock } from './database-lock.ts';
import { createFolder } from './server-process.ts';

async function createSetup(options: LatchkeyOptions = {}) {
  const t = await createTestLatchkey(options);
  const api = createApi((await t.serve()).url);
  const admin = await t.signInAs({ role: 'admin' });
  const ordinary = await t.signInAs();
  const eventsOf = async (type: string): Promise<AuditEvent[]> => {
    const input = { type, limit: 100 };
    const answer = await api.query('admin.listAuditEvents', { token: admin.accessToken, input });
    return auditPageOf(answer).events;
  };
  return {
    ...t,
    api,
    ordinary,
    eventsOf,
    /** They are written down a little after the answer. */
    waitForEvents: (type: string, count: number) =>
      vi.waitFor(async () => {
        const events = await eventsOf(type);
        expect(events).toHaveLength(count);
        return events;
      }, 15_000),
    verify: () => verifyAuditLog(t.composition.accounts.store, t.composition.auditChain),
  };
}

test.skipIf(lacks('one process'))(
  'what is not allowed is an event that says who wanted what',
  async () => {
    await using t = await createSetup();
    const { accessToken: token, user } = t.ordinary;
    for (const path of ['admin.listUsers', 'admin.listUsers', 'admin.listAuditEvents']) {
      expect(refusalOf(await t.api.query(path, { token }))).toBe(refusals.forbidden);
    }
    const events = await t.waitForEvents('access.refused', 2);
    expect(events.map(({ detail }) => detail['path'])).toEqual([
      'admin.listAuditEvents',
      'admin.listUsers',
    ]);
    for (const event of events) {
      expect(event).toMatchObject({ actorId: user.id, userId: user.id, ip: '127.0.0.1' });
      expect(event.sessionId).not.toBeNull();
    }
  },
);

test('a page of another origin that uses a cookie is an event', async () => {
  await using t = await createSetup();
  const headers = { cookie: `latchkey=${t.ordinary.refreshToken}`, origin: 'https://evil.example' };
  const answer = await t.api.mutate('auth.refresh', { input: {}, headers });
  expect(refusalOf(answer)).toBe(refusals.forbidden);
  const [event] = await t.waitForEvents('access.refused', 1);
  expect(event).toMatchObject({ actorId: null, userId: null, detail: { path: 'auth.refresh' } });
});

test.skipIf(lacks('one process'))(
  'a limit that is met is an event, with nothing of what was tried',
  async () => {
    await using t = await createSetup({ rateLimits: true });
    const input = { email: 'nobody@limits.example', password: 'a wrong guess of it' };
    const answers = [];
    for (let n = 0; n < 12; n += 1) answers.push(await t.api.mutate('auth.login', { input }));
    expect(answers.at(-1)?.status).toBe(429);
    const [event] = await t.waitForEvents('limit.reached', 1);
    expect(event).toMatchObject({ actorId: null, userId: null, detail: { path: 'auth.login' } });
    expect(JSON.stringify(event)).not.toContain('nobody@');
  },
);

test('forged tokens and input that no client of ours sends are events', async () => {
  await using t = await createSetup();
  const { accessToken: token, user } = t.ordinary;
  const forged = t.forge.signedByStranger(token);
  expect(refusalOf(await t.api.query('user.me', { token: forged }))).toBe(refusals.tokenInvalid);
  const input = { role: 'admin' };
  expect(refusalOf(await t.api.mutate('user.update', { token, input }))).toBe(
    refusals.invalidInput,
  );
  const [byStranger] = await t.waitForEvents('token.refused', 1);
  expect(byStranger).toMatchObject({ actorId: null, userId: null, detail: { path: 'user.me' } });
  const [byUser] = await t.waitForEvents('input.refused', 1);
  expect(byUser).toMatchObject({ actorId: user.id, detail: { path: 'user.update' } });
});

test.skipIf(lacks('one process'))(
  'a flood is a few events and a count, and the log is in order',
  async () => {
    await using t = await createSetup({ trustedProxies: ['127.0.0.1'] });
    for (let n = 0; n < 300; n += 1) {
      const headers = { 'x-forwarded-for': `203.0.113.${n % 250}` };
      await t.api.query('user.me', { token: 'made.up.token', headers });
    }
    await t.waitForEvents('token.refused', 20);
    await t.composition.refusals.close();
    const [count, ...events] = await t.eventsOf('token.refused');
    expect(events).toHaveLength(20);
    expect(count).toMatchObject({ actorId: null, ip: null, detail: { leftOut: 280 } });
    expect((await t.verify()).problem).toBeNull();
  },
);

test('while the database cannot be written a refusal is answered as ever', async () => {
  await using folder = await createFolder();
  await using t = await createSetup({ database: `file:${folder.path}/a.db` });
  const { accessToken: token } = t.ordinary;
  const lock = await holdLock(`${folder.path}/a.db`);
  try {
    expect(refusalOf(await t.api.query('admin.listUsers', { token }))).toBe(refusals.forbidden);
    expect((await t.api.query('user.me', { token })).status).toBe(200);
  } finally {
    await lock.release();
  }
  await t.waitForEvents('access.refused', 1);
});

test('a procedure of a host that is built on two of ours has one event of a refusal', async () => {
  await using t = await createTestLatchkey();
  const host = initTRPC.context<LatchkeyContext>().create();
  const both = host.procedure
    .concat(t.latchkey.protectedProcedure)
    .concat(t.latchkey.adminProcedure);
  const router = host.router({ secret: both.query(() => 'a secret') });
  const caller = await t.callerAs({}, { router, createContext: t.latchkey.createContext });
  await expect(caller.secret()).rejects.toSatisfy((error) => reasonOf(error) === 'forbidden');
  await t.composition.refusals.close();
  const events = await t.composition.accounts.store.listAuditEvents({ limit: 9 });
  expect(events.filter(({ type }) => type === 'access.refused')).toMatchObject([
    { detail: { path: 'secret' } },
  ]);
});
