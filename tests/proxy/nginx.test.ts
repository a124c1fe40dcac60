import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request as requestByTls } from 'node:https';
import { createServer, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect } from 'node:tls';
import { initTRPC } from '@trpc/server';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LatchkeyContext } from '../../server/index.ts';
import { createTestLatchkey } from '../../server/testing/index.ts';
import {
  createApi,
  errorOf,
  goodPassword,
  me,
  refusalOf,
  refusals,
  register,
  sessionsOf,
  signedInOf,
  valueOf,
  type Answer,
  type Api,
} from '../contract/api.ts';
import { exchange, requestText } from '../contract/raw-socket.ts';
import { startProcess, type ServerProcess } from '../contract/server-process.ts';
import { openHttp2 } from './http2-client.ts';
import { findWhyNoNginx, startNginx, type Upstream } from './nginx.ts';
import { startTwoProcesses, type TwoProcesses } from './two-processes.ts';

const whyNot = findWhyNoNginx();
if (whyNot !== null) process.stdout.write(`Nothing is tried behind nginx: ${whyNot}\n`);

/** On a connection of its own: one that is kept may be closed by a reload, as its client is about to use it. */
async function requestAlone(url: string, init: RequestInit): Promise<Response> {
  const { method, headers, body } = new Request(url, init);
  const sent = requestByTls(url, { method, agent: false, headers: Object.fromEntries(headers) });
  sent.end(body === null ? undefined : init.body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return new Response(await text(answer), { status: answer.statusCode ?? 0 });
}

/** What a client may say to be somebody or somewhere else. */
const spoofed = {
  'x-forwarded-for': '203.0.113.9, 198.51.100.1',
  'x-real-ip': '203.0.113.9',
  forwarded: 'for=203.0.113.9;proto=http;host=evil.example',
  'x-forwarded-proto': 'http',
  'x-forwarded-host': 'evil.example',
  'x-forwarded-port': '80',
  'x-client-ip': '203.0.113.9',
  'cf-connecting-ip': '203.0.113.9',
  'x-request-id': 'made-up',
} as const;

describe.skipIf(whyNot !== null)('two processes behind nginx', { timeout: 120_000 }, () => {
  let running: TwoProcesses;
  beforeAll(async () => {
    running = await startTwoProcesses();
  }, 60_000);
  afterAll(() => running[Symbol.asyncDispose]());

  test('a spoofed address changes nothing: not the session, the issuer or the cookie', async () => {
    const { url } = running;
    await using client = await openHttp2(url, '127.0.0.2');
    for (const headers of [{}, spoofed]) {
      const email = `spoof-${Object.keys(headers).length}@proxy.example`;
      const answer = await client.api.mutate('auth.register', {
        input: { email, password: goodPassword },
        headers: { ...headers, 'x-latchkey-mode': 'cookie', origin: url },
      });
      expect(answer.headers.getSetCookie()).toEqual([
        expect.stringMatching(
          /^__Host-latchkey=[\w-]{72}; Max-Age=\d+; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
        ),
      ]);
      const requestId = answer.headers.get('x-request-id') ?? 'missing';
      expect(requestId).not.toBe(spoofed['x-request-id']);
      expect(await running.nginx.readAccessLog()).toContain(requestId);
      const { accessToken } = valueOf(answer) as { accessToken: string };
      expect(decodeJwt(accessToken)).toMatchObject({ iss: url, aud: url });
      const listed = await client.api.query('session.list', { token: accessToken, headers });
      expect(sessionsOf(listed).map(({ ip }) => ip)).toEqual(['127.0.0.2']);
      const metadata = await client.api.send('/.well-known/oauth-authorization-server', {
        headers,
      });
      expect(JSON.parse(metadata.text)).toMatchObject({ issuer: url });
    }
  });

  test('limits count the real address, whatever it says, and nobody else for it', async () => {
    await using guesser = await openHttp2(running.url, '127.0.0.3');
    await using neighbour = await openHttp2(running.url, '127.0.0.4');
    const person = await register(neighbour.api, { email: 'limited@proxy.example' });
    const guess = (client: Api, n: number) =>
      client.mutate('auth.login', {
        input: { email: `nobody-${n}@proxy.example`, password: 'a wrong guess of it' },
        headers: { ...spoofed, 'x-forwarded-for': `203.0.113.${n}`, 'x-real-ip': `203.0.113.${n}` },
      });
    const statuses: number[] = [];
    // Ten a minute; each process counts for itself where no Redis or PostgreSQL counts for both.
    for (let n = 0; n < 40; n += 1) statuses.push((await guess(guesser.api, n)).status);
    expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(20);
    expect(statuses.at(-1)).toBe(429);
    const { retryAfter } = errorOf(await guess(guesser.api, 41)).data;
    expect(retryAfter).toBeGreaterThan(0);
    const input = { email: person.user.email, password: goodPassword };
    expect((await neighbour.api.mutate('auth.login', { input })).status).toBe(200);
  });

  test('cookie mode goes right through, from allowed origins alone', async () => {
    const { url } = running;
    await using client = await openHttp2(url, '127.0.0.5');
    const mode = { 'x-latchkey-mode': 'cookie', origin: url };
    const signUp = await client.api.mutate('auth.register', {
      input: { email: 'cookie@proxy.example', password: goodPassword },
      headers: mode,
    });
    const cookieOf = (answer: Answer) => answer.headers.getSetCookie()[0]?.split(';')[0] ?? '';
    const refreshBy = (cookie: string, headers: Readonly<Record<string, string>>) =>
      client.api.mutate('auth.refresh', { input: {}, headers: { ...headers, cookie } });
    const cookie = cookieOf(signUp);
    for (const origin of ['https://evil.example', 'https://localhost', 'null', `${url}.evil`]) {
      expect(refusalOf(await refreshBy(cookie, { ...mode, origin }))).toBe(refusals.forbidden);
    }
    expect(refusalOf(await refreshBy(cookie, { 'x-latchkey-mode': 'cookie' }))).toBe(
      refusals.forbidden,
    );
    const next = await refreshBy(cookie, { ...mode, ...spoofed });
    expect(next.status).toBe(200);
    const { accessToken } = valueOf(next) as { accessToken: string };
    expect((await me(client.api, accessToken)).email).toBe('cookie@proxy.example');
    const left = await client.api.mutate('auth.logout', {
      headers: { ...mode, cookie: cookieOf(next) },
    });
    expect(valueOf(left)).toEqual({ revoked: true });
    expect(refusalOf(await refreshBy(cookieOf(next), mode))).toBe(refusals.sessionRevoked);
  });

  test('calls of one HTTP/2 connection are answered each for itself, by both processes', async () => {
    await using client = await openHttp2(running.url, '127.0.0.6');
    const people = await Promise.all(Array.from({ length: 5 }, () => register(client.api)));
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const person = people[index % people.length];
        const user = await me(client.api, person?.accessToken ?? '');
        return user.id === person?.user.id;
      }),
    );
    expect(answers).not.toContain(false);
    const log = await running.nginx.readAccessLog();
    expect(new Set(log.match(/(?<=")127\.0\.0\.1:\d+(?=")/g)).size).toBe(2);
    expect(client.session.alpnProtocol).toBe('h2');
  });

  test('what nginx refuses in place of Latchkey is refused', async () => {
    const { url } = running;
    const credentials = JSON.stringify({ email: 'cookie@proxy.example', password: goodPassword });
    const json = 'Content-Type: application/json';
    const login = 'POST /trpc/auth.login';
    const odd: [number, Uint8Array][] = [
      [414, requestText(`GET /trpc/${'session.list,'.repeat(1_500)}?batch=1`)],
      [400, requestText('GET /trpc/user.me', [`Authorization: Bearer ${'a'.repeat(17_000)}`])],
      [405, requestText('TRACE /trpc/user.me')],
      [400, requestText('CONNECT evil.example:443')],
      [421, requestText(`POST http://evil.example/trpc/auth.login`, [json], credentials)],
      [400, requestText(login, [json, json], credentials)],
      [400, requestText(login, [json, 'Host: evil.example'], credentials)],
      [501, requestText(login, [json, 'Transfer-Encoding: gzip, chunked'])],
      [413, requestText('POST /trpc/user.update', [json], ' '.repeat(1_048_577))],
    ];
    for (const [status, bytes] of odd) {
      const answer = await exchange(url, bytes);
      expect([status, ...answer.statuses]).toEqual([status, status]);
      expect(answer.text).not.toContain('accessToken');
    }
  });

  test('/metrics, other hosts and plain HTTP get nothing, and no query is logged', async () => {
    const { url, nginx } = running;
    const api = createApi(url);
    for (const path of ['/metrics', '/metrics?x=y', '//metrics', '/%6detrics', '/x/../metrics']) {
      expect((await api.send(path)).status).toBe(404);
    }
    const other = connect({
      host: 'localhost',
      port: Number(new URL(url).port),
      servername: 'x.example',
    });
    await expect(once(other, 'secureConnect')).rejects.toThrow(/unrecognized name/);
    const plain = await fetch(`${nginx.httpUrl}/a?b=c`, { redirect: 'manual' });
    expect([plain.status, plain.headers.get('location')]).toEqual([301, `${url}/a?b=c`]);
    await api.query('admin.listUsers', { input: { search: 'hopper@proxy.example' } });
    const log = await nginx.readAccessLog();
    expect(log).toContain('GET /trpc/admin.listUsers"');
    expect(log).not.toContain('hopper');
  });
});

describe.skipIf(whyNot !== null)('a process that goes', { timeout: 120_000 }, () => {
  const development = { NODE_ENV: '', LATCHKEY_RATE_LIMITS: 'off', LATCHKEY_BCRYPT_COST: '4' };

  /** Registers and reads over several connections until it is stopped, and answers what failed. */
  function keepCalling(url: string): { stop(): Promise<{ failures: string[]; calls: number }> } {
    let isStopping = false;
    let calls = 0;
    const failures: string[] = [];
    const note = (name: string, answer: Answer) => {
      calls += 1;
      if (answer.status !== 200) failures.push(`${name}: ${answer.status} ${answer.text}`);
    };
    const api = createApi(url, requestAlone);
    const workers = Array.from({ length: 8 }, async (_, index) => {
      const email = `worker-${index}@drain.example`;
      let person = await register(api, { email });
      while (!isStopping) {
        const token = person.accessToken;
        note('me', await api.query('user.me', { token }));
        const { refreshToken } = person;
        const refreshed = await api.mutate('auth.refresh', { input: { refreshToken } });
        note('refresh', refreshed);
        if (refreshed.status === 200) person = signedInOf(refreshed);
        const input = { email, password: goodPassword };
        note('login', await api.mutate('auth.login', { input }));
      }
    });
    return {
      async stop() {
        isStopping = true;
        await Promise.all(workers);
        return { failures, calls };
      },
    };
  }

  test('taken out by a reload and then stopped, one after the other, it costs no call', async () => {
    await using running = await startTwoProcesses(development);
    const { nginx, processes } = running;
    const calling = keepCalling(running.url);
    const serving: ServerProcess[] = [...processes];
    for (let turn = 0; turn < 2; turn += 1) {
      const all = await Promise.all(serving.map(async ({ ready }) => ({ url: await ready })));
      const going = serving[turn];
      await nginx.reload(all.map((each, index) => ({ ...each, isDown: index === turn })));
      going?.kill('SIGTERM');
      expect(await going?.ended).toEqual({ code: 0, signal: null });
      const next = running.startAnother();
      serving[turn] = next;
      all[turn] = { url: await next.ready };
      await nginx.reload(all);
    }
    const { failures, calls } = await calling.stop();
    expect(failures).toEqual([]);
    expect(calls).toBeGreaterThan(0);
  });

  test('killed, it costs no later call: the other one answers all of them', async () => {
    await using running = await startTwoProcesses(development);
    const api = createApi(running.url);
    await Promise.all(Array.from({ length: 8 }, () => register(api)));
    running.processes[0].kill('SIGKILL');
    await running.processes[0].ended;
    for (let count = 0; count < 8; count += 1) {
      expect((await api.send('/health/ready')).status).toBe(200);
      await register(api);
    }
  });

  test('once a POST was sent it is never sent again; a GET is', async () => {
    await using real = startProcess({ ...development, DATABASE_URL: ':memory:' });
    let posts = 0;
    // Reads a request, and is gone.
    const lost = createServer((socket) => {
      socket
        .on('error', () => {})
        .once('data', (head: Buffer) => {
          if (head.toString('latin1').startsWith('POST')) posts += 1;
          socket.destroy();
        });
    }).listen(0, '127.0.0.1');
    await once(lost, 'listening');
    const { port } = lost.address() as AddressInfo;
    const upstreams: [Upstream, Upstream] = [
      { url: `http://127.0.0.1:${port}` },
      { url: await real.ready },
    ];
    await using nginx = await startNginx(upstreams);
    const api = createApi(nginx.url);
    const statuses: number[] = [];
    for (let count = 0; count < 20; count += 1) {
      const input = { email: `once-${count}@proxy.example`, password: goodPassword };
      statuses.push((await api.mutate('auth.register', { input })).status);
      expect((await api.send('/health/live')).status).toBe(200);
    }
    expect(posts).toBeGreaterThan(0);
    expect(statuses.filter((status) => status === 502)).toHaveLength(posts);
    expect(statuses.filter((status) => status === 200)).toHaveLength(20 - posts);
    lost.close();
  });
});

test.skipIf(whyNot !== null)('a stream goes out as it comes', async () => {
  await using t = await createTestLatchkey();
  const { procedure, router } = initTRPC.context<LatchkeyContext>().create();
  const later = Promise.withResolvers<void>();
  const endpoint = {
    router: router({
      ticks: procedure.subscription(async function* () {
        yield 'first';
        await later.promise;
        yield 'second';
      }),
      waits: procedure.query(() => later.promise.then(() => 'second')),
      answers: procedure.query(() => 'first'),
    }),
    createContext: t.latchkey.createContext,
  };
  await using nginx = await startNginx([await t.serve(endpoint), await t.serve(endpoint)]);
  const streams = await Promise.all([
    fetch(`${nginx.url}/trpc/ticks`, { headers: { accept: 'text/event-stream' } }),
    fetch(`${nginx.url}/trpc/answers,waits?batch=1&input=%7B%7D`, {
      headers: { 'trpc-accept': 'application/jsonl' },
    }),
  ]);
  const decoder = new TextDecoder();
  const reading = streams.map(async (response) => {
    expect(response.status).toBe(200);
    let came = '';
    for await (const piece of response.body ?? []) {
      came += decoder.decode(piece as Uint8Array, { stream: true });
      if (came.includes('first')) break;
    }
    return came;
  });
  for (const came of await Promise.all(reading)) expect(came).not.toContain('second');
  later.resolve();
});
