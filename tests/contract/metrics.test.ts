/** `GET /metrics` as Prometheus meets it: over a socket, and read by whatever the format allows. */
import { register as registryOfTheHost, Counter } from '@prometheus-io/client';
import { initTRPC, TRPCError } from '@trpc/server';
import type { LatchkeyContext } from 'latchkey/server';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defaultLimits } from '../../server/limits/limits.ts';
import { reasons } from '../../shared/reasons.ts';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';
import { lacks } from '../kit/mode.ts';
import { createApi, login, register, signedInOf, type Api } from './api.ts';
import { parseMetrics, type ParsedMetric } from './parse-metrics.ts';
import { createFolder, startProcess } from './server-process.ts';

type Metrics = ReadonlyMap<string, ParsedMetric>;

async function scrape(api: Api): Promise<Metrics> {
  const answer = await api.send('/metrics');
  expect({ status: answer.status, type: answer.headers.get('content-type') }).toEqual({
    status: 200,
    type: 'text/plain; version=0.0.4; charset=utf-8',
  });
  return parseMetrics(answer.text);
}

/** The value of the one series with these labels, and of a histogram its count. */
function valueOf(metrics: Metrics, name: string, labels: Readonly<Record<string, string>> = {}) {
  const metric = metrics.get(name) ?? metrics.get(name.replace(/_(count|sum|bucket)$/, ''));
  const found = metric?.series.filter(
    (series) =>
      series.name === name &&
      Object.entries(labels).every(([label, value]) => series.labels[label] === value),
  );
  if (found && found.length > 1) throw new Error(`${name} is not one series.`);
  return found?.[0]?.value;
}

function labelValues(metrics: Metrics, name: string, label: string): Set<string> {
  return new Set(metrics.get(name)?.series.flatMap(({ labels }) => labels[label] ?? []));
}

test('without the setting there is nothing, and with it the variable turns it on', async () => {
  await using t = await createTestLatchkey();
  const { url } = await t.serve();
  const off = await createApi(url).send('/metrics');
  expect({ status: off.status, text: off.text }).toEqual({ status: 404, text: 'Not found\n' });

  await using folder = await createFolder();
  const database = `file:${folder.path}/latchkey.db`;
  await using server = startProcess({ DATABASE_URL: database, LATCHKEY_METRICS: 'on' });
  const metrics = await scrape(createApi(await server.ready));
  expect([...metrics.keys()]).toEqual(
    expect.arrayContaining(['process_start_time_seconds', 'nodejs_gc_duration_seconds']),
  );
  await using wrong = startProcess({ DATABASE_URL: database, LATCHKEY_METRICS: 'yes' });
  expect(await wrong.ended).toMatchObject({ code: 1 });
  expect(wrong.stderr()).toBe('LATCHKEY_METRICS: not valid. Wanted: on or off.\n');
});

test.skipIf(lacks('one process'))('what was done is counted', async () => {
  await using t = await createTestLatchkey({ metrics: true, rateLimits: true });
  const { url } = await t.serve();
  const api = createApi(url);
  const before = await scrape(api);
  expect(valueOf(before, 'latchkey_sign_ins_total', { result: 'failed' })).toBe(0);
  expect(valueOf(before, 'latchkey_build_info')).toBe(1);

  const ada = await register(api);
  const { email } = ada.user;
  await api.mutate('auth.register', { input: { email, password: 'correct horse battery' } });
  for (let count = 0; count < 3; count += 1) await api.query('user.me', { token: ada.accessToken });
  await api.query('user.me');
  await api.query('admin.listKeys', { token: ada.accessToken });
  await api.mutate('user.update', { token: ada.accessToken, input: { name: 7 } });
  const first = await api.mutate('auth.refresh', { input: { refreshToken: ada.refreshToken } });
  await api.mutate('auth.refresh', { input: { refreshToken: ada.refreshToken } });
  const { refreshToken } = signedInOf(first);
  await api.mutate('auth.refresh', { input: { refreshToken } });
  t.clock.advance(60);
  await api.mutate('auth.refresh', { input: { refreshToken } });
  await api.mutate('auth.refresh', { input: { refreshToken: 'made up' } });
  await login(api, email);
  for (let count = 0; count < 10; count += 1) {
    await api.mutate('auth.login', { input: { email, password: 'wrong' } });
  }
  await api.send('/oauth/token', {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'made up' }),
  });
  // Refused at the edge, and by tRPC.
  await api.send('/trpc/user.me', { method: 'PUT' });
  await api.query('user.update');
  await api.query('user.nothing');

  const metrics = await scrape(api);
  const count = (name: string, labels?: Readonly<Record<string, string>>) =>
    valueOf(metrics, `latchkey_${name}`, labels);
  const calls = (procedure: string, reason: string) =>
    count('requests_total', { procedure, reason });

  expect(calls('auth.register', 'ok')).toBe(1);
  expect(calls('auth.register', 'email_taken')).toBe(1);
  expect(calls('user.me', 'ok')).toBe(3);
  expect(calls('user.me', 'token_missing')).toBe(1);
  expect(calls('user.me', 'invalid_input')).toBe(1);
  expect(calls('user.update', 'invalid_input')).toBe(2);
  expect(calls('admin.listKeys', 'forbidden')).toBe(1);
  expect(calls('/oauth/token', 'token_invalid')).toBe(1);
  expect(calls('unknown', 'not_found')).toBe(1);
  // Of those that were made, and not of those that were refused before.
  expect(count('request_duration_seconds_count', { procedure: 'user.me' })).toBe(4);
  expect(count('registrations_total', { result: 'created' })).toBe(1);
  expect(count('registrations_total', { result: 'email_taken' })).toBe(1);
  expect(count('refreshes_total', { result: 'rotated' })).toBe(2);
  expect(count('refreshes_total', { result: 'repeated' })).toBe(1);
  expect(count('refreshes_total', { result: 'reused' })).toBe(1);
  expect(calls('auth.refresh', 'token_invalid')).toBe(1);
  expect(count('sign_ins_total', { result: 'succeeded' })).toBe(1);
  expect(count('sign_ins_total', { result: 'failed' })).toBe(9);
  expect(count('limits_refused_total', { limit: 'signInPerAddress' })).toBe(1);
  expect(count('refusals_total', { reason: 'rate_limited' })).toBe(1);
  expect(count('refusals_total', { reason: 'invalid_credentials' })).toBe(9);
  // Two to register, one of which for an address that was taken, and ten to sign in.
  expect(count('password_hash_duration_seconds_count')).toBe(12);
  expect(count('password_hashes_running')).toBe(0);
  expect(count('password_hashes_waiting')).toBe(0);
  expect(count('token_cache_lookups_total', { result: 'miss' })).toBe(1);
  expect(count('token_cache_lookups_total', { result: 'hit' })).toBeGreaterThanOrEqual(4);
  expect(count('session_cache_lookups_total', { result: 'hit' })).toBeGreaterThanOrEqual(2);
  expect(count('store_operation_duration_seconds_count', { operation: 'rotateSession' })).toBe(4);
  expect(count('processes')).toBe(1);
});

test.skipIf(lacks('one process'))(
  'a store that does not answer, and a queue that is full, are counted',
  async () => {
    await using t = await createTestLatchkey({ metrics: true, bcryptCost: 10 });
    const api = createApi((await t.serve()).url);
    const attempt = () =>
      api.mutate('auth.login', { input: { email: 'nobody@example.com', password: 'wrong' } });
    const { load } = t.composition.accounts.hasher;
    const attempts = Array.from({ length: 200 }, attempt);
    const answers = await Promise.all(attempts);
    expect(load()).toEqual({ running: 0, waiting: 0 });
    const turnedAway = answers.filter(({ status }) => status === 503).length;
    expect(turnedAway).toBeGreaterThan(0);
    const busy = await scrape(api);
    const rejected = valueOf(busy, 'latchkey_password_hashes_rejected_total') ?? 0;
    // A store on another machine may turn some away before.
    expect(rejected).toBeGreaterThan(0);
    expect(rejected).toBeLessThanOrEqual(turnedAway);
    expect(
      valueOf(busy, 'latchkey_requests_total', { procedure: 'auth.login', reason: 'overloaded' }),
    ).toBe(turnedAway);

    await t.composition.accounts.store.close();
    await attempt();
    const closed = await scrape(api);
    const failed = closed
      .get('latchkey_store_errors_total')
      ?.series.filter(({ labels }) => labels['operation'] === 'findCredential');
    expect(failed?.map(({ value }) => value)).toEqual([1]);
  },
);

describe('who may read it', () => {
  test('nobody whom a proxy asks for', async () => {
    await using t = await createTestLatchkey({ metrics: true, trustedProxies: ['127.0.0.1'] });
    const api = createApi((await t.serve()).url);
    await scrape(api);
    for (const name of ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip']) {
      const answer = await api.send('/metrics', { headers: { [name]: '10.0.0.1' } });
      expect({ name, status: answer.status, text: answer.text }).toEqual({
        name,
        status: 404,
        text: 'Not found\n',
      });
    }
  });

  test.each([
    ['127.0.0.1', 200],
    ['::1', 200],
    ['::ffff:10.1.2.3', 200],
    ['172.31.0.1', 200],
    ['100.64.0.7', 200],
    ['fd00::1', 200],
    ['172.32.0.1', 404],
    ['203.0.113.9', 404],
    ['2001:db8::1', 404],
    ['no address', 404],
    [null, 404],
  ])('%s is answered %i', async (ip, status) => {
    await using t = await createTestLatchkey({ metrics: true });
    const handle = t.latchkey.fetchHandler();
    const answer = await handle(new Request('http://localhost:4000/metrics'), { ip });
    expect(answer.status).toBe(status);
  });
});

test.skipIf(lacks('one process'))(
  'it says nothing of anybody, and what is made up makes nothing new',
  async () => {
    await using t = await createTestLatchkey({ metrics: true });
    const api = createApi((await t.serve()).url);
    const ada = await register(api);
    await api.query('nothing.0');
    const before = await scrape(api);
    for (let count = 0; count < 1_000; count += 50) {
      await Promise.all(
        Array.from({ length: 50 }, (_, index) => {
          const path = `made.up${count + index}`;
          return index % 2 ? api.query(path) : api.mutate(`${path}.auth.login`, { input: {} });
        }),
      );
    }
    await api.query('__proto__');
    await api.query('user.me,nothing');
    const answer = await api.send('/metrics');
    const after = parseMetrics(answer.text);
    expect(answer.text).not.toContain('made');
    for (const secret of [ada.user.id, ada.user.email, ada.accessToken, '127.0.0.1']) {
      expect(answer.text).not.toContain(secret);
    }
    const procedures = new Set([
      ...Object.keys(t.latchkey.appRouter._def.procedures),
      '/oauth/token',
      'unknown',
    ]);
    const label = (name: string, of: string) => labelValues(after, `latchkey_${name}`, of);
    for (const procedure of label('requests_total', 'procedure')) {
      expect(procedures).toContain(procedure);
    }
    const known = new Set([...Object.keys(reasons), 'ok', 'other']);
    for (const reason of label('requests_total', 'reason')) expect(known).toContain(reason);
    expect(label('refusals_total', 'reason')).toEqual(new Set(Object.keys(reasons)));
    expect(label('limits_refused_total', 'limit')).toEqual(new Set(Object.keys(defaultLimits)));
    const countOf = (metrics: Metrics) =>
      metrics.get('latchkey_requests_total')?.series.length ?? Number.NaN;
    // One for what is no path at all.
    expect(countOf(after) - countOf(before)).toBeLessThanOrEqual(1);
  },
);

test.skipIf(lacks('one process'))(
  'two in a process count for themselves, beside what their host counts',
  async () => {
    const hosts = new Counter({ name: 'latchkey_requests_total', help: 'The host has its own.' });
    await using one = await createTestLatchkey({ metrics: true });
    await using two = await createTestLatchkey({ metrics: true });
    const first = createApi((await one.serve()).url);
    const second = createApi((await two.serve()).url);
    await register(first);
    hosts.inc(7);
    const registered = { procedure: 'auth.register', reason: 'ok' };
    expect(valueOf(await scrape(first), 'latchkey_requests_total', registered)).toBe(1);
    expect(valueOf(await scrape(second), 'latchkey_requests_total', registered)).toBeUndefined();
    expect(registryOfTheHost.getMetricsAsArray()).toHaveLength(1);
    registryOfTheHost.clear();
  },
);

test.skipIf(lacks('one process'))(
  "a host's procedures are counted by their own names, however they are called",
  async () => {
    await using t = await createTestLatchkey({ metrics: true });
    const trpc = initTRPC
      .context<LatchkeyContext>()
      .create({ isDev: false, errorFormatter: t.latchkey.errorFormatter });
    const router = trpc.router({
      id: trpc.router({ ...t.latchkey.routers }),
      hello: trpc.procedure.input(z.string()).query(({ input }) => input),
      taken: trpc.procedure.query(() => {
        throw new TRPCError({ code: 'CONFLICT', message: 'Ours.' });
      }),
      count: trpc.procedure.subscription(async function* () {
        yield 1;
      }),
    });
    const { url } = await t.serve({ router, createContext: t.latchkey.createContext });
    const api = createApi(url);
    await api.query('hello', { input: 'you' });
    await api.query('hello', { input: 7 });
    await api.query('taken');
    await api.mutate('id.auth.login', { input: { email: 'a@example.com', password: 'wrong' } });
    await api.query('count');
    // In a batch, and one that is answered in lines as they come.
    await api.send(`/trpc/hello,taken?batch=1&input=${encodeURIComponent('{"0":"you"}')}`);
    await api.send(`/trpc/hello,taken?batch=1&input=${encodeURIComponent('{"0":"you"}')}`, {
      headers: { 'trpc-accept': 'application/jsonl' },
    });
    const metrics = await scrape(api);
    const series = metrics.get('latchkey_requests_total')?.series;
    expect(
      series?.map(({ labels, value }) => [labels['procedure'], labels['reason'], value]),
    ).toEqual(
      expect.arrayContaining([
        ['hello', 'ok', 3],
        ['hello', 'invalid_input', 1],
        ['taken', 'other', 3],
        ['id.auth.login', 'invalid_credentials', 1],
        ['count', 'ok', 1],
      ]),
    );
    expect(series).toHaveLength(5);
  },
);
