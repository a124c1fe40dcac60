import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { startServer, type RunningServer } from './server.ts';

const deadline = { timeout: 15_000, interval: 10 };

interface Scene extends AsyncDisposable {
  readonly server: RunningServer;
  /** Targets of the requests that were begun, in their order. */
  readonly begun: string[];
  /** Sends so many requests in one write. */
  send(socket: Socket, target: string, times: number): void;
  /** A connection, with the statuses of what has come on it, and how many of them are 200. */
  open(): Promise<{ readonly socket: Socket; statuses(): string[]; answers(): number }>;
}

async function openScene(
  answer: (res: ServerResponse, target: string) => void = (res) => res.end('x'),
): Promise<Scene> {
  const begun: string[] = [];
  const sockets: Socket[] = [];
  const server = await startServer(
    (req, res) => {
      const { url: target = '' } = req;
      begun.push(target);
      answer(res, target);
    },
    { host: '127.0.0.1', port: 0 },
  );
  return {
    server,
    begun,
    send(socket, target, times) {
      socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(times));
    },
    async open() {
      const socket = connect(server.port, '127.0.0.1').on('error', () => {});
      sockets.push(socket);
      let text = '';
      socket.setEncoding('latin1').on('data', (piece: string) => (text += piece));
      await once(socket, 'connect');
      const statuses = () =>
        [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status = '']) => status);
      return {
        socket,
        statuses,
        answers: () => statuses().filter((status) => status === '200').length,
      };
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await server.stop(0);
    },
  };
}

test('of one connection each request is begun when the one before it is answered', async () => {
  let underWay = 0;
  const most: number[] = [];
  await using s = await openScene((res) => {
    most.push((underWay += 1));
    setImmediate(() => {
      underWay -= 1;
      res.end('x');
    });
  });
  const one = await s.open();
  s.send(one.socket, '/', 50);
  await expect.poll(() => one.answers(), deadline).toBe(50);
  expect(new Set(most)).toEqual(new Set([1]));
});

test('who sends hundreds at once does not keep others waiting until they are answered', async () => {
  await using s = await openScene();
  const [greedy, other] = [await s.open(), await s.open()];
  s.send(greedy.socket, '/greedy', 900);
  s.send(other.socket, '/other', 1);
  await expect.poll(() => greedy.answers(), deadline).toBe(900);
  expect(other.answers()).toBe(1);
  expect(s.begun.indexOf('/other')).toBeLessThan(450);
});

test('a thousand may wait for the one before them, and whoever sends more is cut off', async () => {
  const first: ServerResponse[] = [];
  await using s = await openScene((res, target) => {
    if (target === '/first') first.push(res);
    else res.end('x');
  });
  const patient = await s.open();
  s.send(patient.socket, '/first', 1);
  s.send(patient.socket, '/next', 1_000);
  const greedy = await s.open();
  const isCutOff = once(greedy.socket, 'close');
  s.send(greedy.socket, '/first', 1);
  s.send(greedy.socket, '/never', 1_001);
  await isCutOff;
  for (const res of first) res.end('x');
  await expect.poll(() => patient.answers(), deadline).toBe(1_001);
  expect(greedy.answers()).toBe(0);
  expect(s.begun).not.toContain('/never');
});

test('what waits for somebody who is gone is not begun', async () => {
  const held = Promise.withResolvers<ServerResponse>();
  await using s = await openScene((res, target) => {
    if (target === '/held') held.resolve(res);
    else res.end('x');
  });
  const one = await s.open();
  s.send(one.socket, '/held', 1);
  s.send(one.socket, '/never', 10);
  const gone = once(await held.promise, 'close');
  one.socket.destroy();
  await gone;
  const other = await s.open();
  s.send(other.socket, '/other', 1);
  await expect.poll(() => other.answers(), deadline).toBe(1);
  expect(s.begun).toEqual(['/held', '/other']);
});

test('behind the last answer of a connection nothing is begun', async () => {
  await using s = await openScene((res, target) => {
    if (target === '/last') res.setHeader('connection', 'close');
    res.end('x');
  });
  const one = await s.open();
  const closed = once(one.socket, 'close');
  s.send(one.socket, '/last', 1);
  s.send(one.socket, '/never', 10);
  await closed;
  expect(one.answers()).toBe(1);
  expect(s.begun).toEqual(['/last']);
});

test('a request whose expectation is refused has its turn too', async () => {
  const held = Promise.withResolvers<ServerResponse>();
  await using s = await openScene((res, target) => {
    if (target === '/held') held.resolve(res);
    else res.end('x');
  });
  const one = await s.open();
  const refused = 'GET / HTTP/1.1\r\nHost: x\r\nExpect: 200-ok\r\n\r\n';
  const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`;
  one.socket.write(`${refused}${get('/held')}${refused}${get('/next')}`);
  (await held.promise).end('x');
  await expect.poll(() => one.answers(), deadline).toBe(2);
  expect(one.statuses()).toEqual(['417', '200', '417', '200']);
  expect(s.begun).toEqual(['/held', '/next']);
});
