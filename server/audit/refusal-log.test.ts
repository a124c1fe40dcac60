import { expect, test } from 'vitest';
import type { AuditRecord } from '../../shared/records.ts';
import { createRuntime } from '../runtime.ts';
import { createTestClock } from '../testing/clock.ts';
import { createRefusalLog, type Refusal } from './refusal-log.ts';

const startedAt = 1_700_000_000_000;
const stranger = { userId: null, sessionId: null, ip: '203.0.113.9', userAgent: 'curl/8' };
const ada = { ...stranger, userId: 'ada', sessionId: 's1' };

function createSetup() {
  const clock = createTestClock(startedAt);
  const written: AuditRecord[] = [];
  let endMinute = () => {};
  let fails = false;
  const runtime = {
    ...createRuntime(clock.now),
    every: (_intervalMs: number, work: () => void) => {
      endMinute = work;
      return () => {};
    },
  };
  const log = createRefusalLog(runtime, async (event) => {
    if (fails) throw new Error('The database is locked.');
    written.push(event);
  });
  return {
    log,
    clock,
    written,
    endMinute: () => endMinute(),
    failWriting: (value: boolean) => {
      fails = value;
    },
    note: (given: Partial<Refusal> = {}) =>
      log.note({
        reason: 'forbidden',
        path: 'admin.listUsers',
        actor: ada,
        source: 'ada',
        ...given,
      }),
    /** What is written down once everything is. */
    async events() {
      await log.close();
      return written.map(({ type, detail }) => ({ type, ...detail }));
    },
  };
}

test.each([
  ['forbidden', 'access.refused'],
  ['rate_limited', 'limit.reached'],
  ['token_invalid', 'token.refused'],
  ['invalid_input', 'input.refused'],
] as const)('%s is an event, with who, where and when', async (reason, type) => {
  const t = createSetup();
  t.note({ reason });
  await t.log.close();
  expect(t.written).toEqual([
    {
      id: expect.any(String) as unknown,
      at: startedAt,
      type,
      actorId: 'ada',
      userId: 'ada',
      sessionId: 's1',
      ip: '203.0.113.9',
      userAgent: 'curl/8',
      detail: { path: 'admin.listUsers' },
    },
  ]);
});

test.each([
  'invalid_credentials',
  'token_missing',
  'token_expired',
  'token_stale',
  'session_revoked',
  'refresh_reused',
  'email_taken',
  'not_found',
  'overloaded',
  'internal',
] as const)('%s is none', async (reason) => {
  const t = createSetup();
  t.note({ reason });
  expect(await t.events()).toEqual([]);
});

test('a refusal is not written before whoever is refused has gone on', async () => {
  const t = createSetup();
  t.note();
  await Promise.resolve();
  expect(t.written).toEqual([]);
  await t.log.close();
  expect(t.written).toHaveLength(1);
});

test('in a minute each source has one event at each procedure, and the rest are counted', async () => {
  const t = createSetup();
  for (let n = 0; n < 3; n += 1) {
    t.note();
    t.note({ path: 'admin.getUser' });
    t.note({ actor: stranger, source: '203.0.113.9' });
  }
  t.note({ reason: 'token_invalid' });
  expect(await t.events()).toEqual([
    { type: 'access.refused', path: 'admin.listUsers' },
    { type: 'access.refused', path: 'admin.getUser' },
    { type: 'access.refused', path: 'admin.listUsers' },
    { type: 'token.refused', path: 'admin.listUsers' },
    { type: 'access.refused', leftOut: 6 },
  ]);
});

test('a flood from everywhere has twenty events of each type in a minute, and a count', async () => {
  const t = createSetup();
  for (let n = 0; n < 10_000; n += 1) t.note({ actor: stranger, source: `network ${n}` });
  t.note({ reason: 'rate_limited' });
  const events = await t.events();
  expect(events).toHaveLength(22);
  expect(events.at(-2)).toEqual({ type: 'limit.reached', path: 'admin.listUsers' });
  expect(events.at(-1)).toEqual({ type: 'access.refused', leftOut: 9_980 });
  const { actorId, userId, ip, userAgent } = t.written.at(-1)!;
  expect([actorId, userId, ip, userAgent]).toEqual([null, null, null, null]);
});

test.each([60, -60])(
  'after a minute, or %i seconds by a clock, there is an event again',
  async (seconds) => {
    const t = createSetup();
    t.note();
    t.note();
    t.clock.advance(Math.sign(seconds) * (Math.abs(seconds) - 1));
    t.note();
    t.clock.advance(Math.sign(seconds));
    t.note();
    expect(await t.events()).toEqual([
      { type: 'access.refused', path: 'admin.listUsers' },
      { type: 'access.refused', leftOut: 2 },
      { type: 'access.refused', path: 'admin.listUsers' },
    ]);
  },
);

test('what was left out is told when the minute ends, though nobody comes any more', async () => {
  const t = createSetup();
  t.note();
  t.note();
  t.endMinute();
  t.endMinute();
  expect(await t.events()).toEqual([
    { type: 'access.refused', path: 'admin.listUsers' },
    { type: 'access.refused', leftOut: 1 },
  ]);
});

test('what cannot be written fails no call, and is told as left out once it can', async () => {
  const t = createSetup();
  t.failWriting(true);
  t.note();
  t.note();
  t.note({ source: 'bob' });
  expect(await t.events()).toEqual([]);
  expect(await t.events()).toEqual([]);
  t.failWriting(false);
  expect(await t.events()).toEqual([{ type: 'access.refused', leftOut: 3 }]);
});
