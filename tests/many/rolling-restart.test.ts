import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { createApi, refresh, register, signedInOf } from '../contract/api.ts';
import { startProcess, type ServerProcess } from '../contract/server-process.ts';
import { roundsOf, startTrials, timeoutFor } from '../faults/trials.ts';
import { print } from '../kit/print.ts';
import { canRun, openGround, until } from './processes.ts';

const restarts = roundsOf(50, 3);
const peopleAtOnce = 8;
const askEveryMs = 50;
/** Time enough for the balancer to notice that a server stops. */
const stopDelaySeconds = '1';

/** A server behind the balancer. */
interface Backend {
  readonly url: string;
  isReady: boolean;
}

/**
 * Sends each request to the next server that says it is ready, over a connection of its own, and
 * to the one after it where nobody listens any more. It repeats nothing that may have been read.
 */
async function openBalancer() {
  const backends = new Set<Backend>();
  let turn = 0;

  function next(tried: ReadonlySet<Backend>): Backend | undefined {
    const ready = [...backends].filter((each) => each.isReady && !tried.has(each));
    turn += 1;
    return ready[turn % ready.length];
  }

  function forward(
    { req, res, body }: { req: IncomingMessage; res: ServerResponse; body: Buffer },
    tried: ReadonlySet<Backend> = new Set(),
  ): void {
    const backend = next(tried);
    if (!backend) {
      res.writeHead(502).end('nobody is ready');
      return;
    }
    const { method = 'GET', headers, url = '/' } = req;
    const sent = request(new URL(url, backend.url), {
      method,
      headers: { ...headers, connection: 'close' },
      agent: false,
    });
    sent.on('response', (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(res);
    });
    sent.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') {
        forward({ req, res, body }, new Set([...tried, backend]));
      } else {
        res.writeHead(502).end(`${error.code}: ${error.message}`);
      }
    });
    sent.end(body);
  }

  const server = createServer((req, res) => {
    const pieces: Buffer[] = [];
    req.on('data', (piece: Buffer) => pieces.push(piece));
    req.on('end', () => forward({ req, res, body: Buffer.concat(pieces) }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const asking = setInterval(() => {
    for (const backend of backends) {
      fetch(`${backend.url}/health/ready`).then(
        ({ ok }) => (backend.isReady = ok),
        () => (backend.isReady = false),
      );
    }
  }, askEveryMs);
  return {
    // A TCP server that listens has such an address.
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    add(url: string): Backend {
      const backend = { url, isReady: false };
      backends.add(backend);
      return backend;
    },
    remove: (backend: Backend) => void backends.delete(backend),
    async [Symbol.asyncDispose]() {
      clearInterval(asking);
      server.close();
      server.closeAllConnections();
    },
  };
}

test.skipIf(!canRun)(
  'while one process after the other is stopped and started again, every request is answered',
  { timeout: timeoutFor(restarts * 20) },
  async () => {
    await using ground = await openGround();
    await using balancer = await openBalancer();
    await using stack = new AsyncDisposableStack();
    using trials = startTrials('Requests while processes are restarted one by one', false);

    async function start(): Promise<{ server: ServerProcess; backend: Backend }> {
      const server = stack.use(
        startProcess({ ...ground.variables, LATCHKEY_STOP_DELAY: stopDelaySeconds }),
      );
      const backend = balancer.add(await server.ready);
      await until('the balancer takes it for ready', () => backend.isReady);
      return { server, backend };
    }

    const running = await Promise.all([start(), start(), start()]);
    const api = createApi(balancer.url);
    let isOver = false;
    let requests = 0;

    async function use(): Promise<void> {
      let current = await register(api);
      while (!isOver) {
        const me = await api.query('user.me', { token: current.accessToken });
        const refreshed = await refresh(api, current.refreshToken);
        requests += 2;
        const refused = [me, refreshed].find(({ status }) => status !== 200);
        trials.count(refused ? `${refused.status}: ${refused.text}` : null);
        current = refreshed.status === 200 ? signedInOf(refreshed) : await register(api);
      }
    }

    const acting = Array.from({ length: peopleAtOnce }, use);
    for (let restart = 0; restart < restarts; restart += 1) {
      const old = running.shift();
      if (!old) throw new Error('There are three.');
      const wanted = requests + 10 * peopleAtOnce;
      await until('calls go on', () => requests >= wanted);
      old.server.kill('SIGTERM');
      expect(await old.server.ended).toEqual({ code: 0, signal: null });
      balancer.remove(old.backend);
      running.push(await start());
    }
    isOver = true;
    await Promise.all(acting);
    print(`${requests} requests while ${restarts} processes were restarted`);
    expect(trials.failures).toEqual([]);
  },
);
