import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  createApi,
  goodPassword,
  me,
  refresh,
  register,
  signedInOf,
  type Answer,
  type Api,
  type SignedIn,
} from '../contract/api.ts';
import { beginRequest, untilRefused } from '../contract/raw-socket.ts';
import { createFolder, startProcess, type ServerProcess } from '../contract/server-process.ts';
import { print } from '../kit/print.ts';
import { admin, variables } from './servers.ts';
import { percentile, roundsOf, startTrials, timeoutFor } from './trials.ts';

const terminations = roundsOf(20, 1);
const underWayAtOnce = 200;
const hostileOfEach = 20;
const slowReaders = 5;
/** The hashing queue is bounded, and takes so many at once. */
const registrations = 10;

/** One write that the server has to do before it ends, and how to see later that it was done. */
interface Write {
  readonly path: string;
  readonly token?: string;
  readonly input: object;
  findLoss(answer: Answer, after: Api): Promise<string | null>;
}

function refreshing({ refreshToken }: SignedIn): Write {
  return {
    path: 'auth.refresh',
    input: { refreshToken },
    async findLoss(answer, after) {
      const { refreshToken: next } = signedInOf(answer);
      return (await refresh(after, next)).status === 200 ? null : 'a refresh is lost';
    },
  };
}

function renaming({ accessToken: token }: SignedIn, name: string): Write {
  return {
    path: 'user.update',
    token,
    input: { name },
    findLoss: async (_answer, after) =>
      (await me(after, token)).name === name ? null : 'a name is lost',
  };
}

function leaving({ refreshToken, accessToken }: SignedIn): Write {
  return {
    path: 'auth.logout',
    input: { refreshToken },
    async findLoss(_answer, after) {
      const answer = await after.query('user.me', { token: accessToken });
      return answer.status === 401 ? null : 'a logout is lost';
    },
  };
}

function registering(email: string): Write {
  const input = { email, password: goodPassword };
  return {
    path: 'auth.register',
    input,
    async findLoss(_answer, after) {
      const login = await after.mutate('auth.login', { input });
      return login.status === 200 ? null : 'an account is lost';
    },
  };
}

function open(url: string): Socket {
  const { hostname, port } = new URL(url);
  // What a server does to a connection when it ends is its own affair.
  return connect(Number(port), hostname).on('error', () => {});
}

/** What came on a connection of one request, beside `100 Continue`. */
function readAnswer(text: string): Answer {
  const [, status = '0', body = ''] = /HTTP\/1\.1 ([2-5]\d\d) .*?\r\n\r\n(.*)$/s.exec(text) ?? [];
  return { status: Number(status), headers: new Headers(), text: body };
}

/** Clients that would keep a server for ever. */
async function beHostile(url: string, adminToken: string): Promise<Socket[]> {
  const sockets: Socket[] = [];
  const start = async (text: string): Promise<Socket> => {
    const socket = open(url);
    sockets.push(socket);
    await once(socket, 'connect');
    socket.write(text);
    return socket;
  };
  const request = `GET /trpc/user.me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${adminToken}\r\n\r\n`;
  const post = 'POST /trpc/auth.logout HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
  for (let count = 0; count < hostileOfEach; count += 1) {
    await start(''); // Says nothing.
    await start('GET /trpc/user.me HTT'); // Ends neither the line
    await start(request.slice(0, -2)); // nor the head
    await start(`${post}Content-Length: 40\r\n\r\n{"refresh`); // nor the body
    await start(`${post}Transfer-Encoding: chunked\r\n\r\n5\r\n{"ref\r\n`); // in chunks.
    await once(await start(request), 'data'); // Is answered, and stays.
  }
  // More than the buffers on the way hold; nothing of it is read.
  const page = `GET /trpc/admin.listUsers?input=%7B%22limit%22%3A100%7D HTTP/1.1\r\nHost: x\r\n`;
  const pages = `${page}Authorization: Bearer ${adminToken}\r\n\r\n`.repeat(400);
  for (let count = 0; count < slowReaders; count += 1) (await start(pages)).pause();
  return sockets;
}

async function openPeople(api: Api): Promise<Write[]> {
  const writes: Write[] = [];
  while (writes.length < underWayAtOnce - registrations) {
    const people = await Promise.all(Array.from({ length: 10 }, () => register(api)));
    for (const [index, person] of people.entries()) {
      const kinds = [refreshing, leaving, (one: SignedIn) => renaming(one, `Name ${index}`)];
      const kind = kinds[writes.length % kinds.length] ?? refreshing;
      writes.push(kind(person));
    }
  }
  for (let count = 0; count < registrations; count += 1) {
    writes.push(registering(`drained-${count}@faults.example`));
  }
  return writes;
}

const options = { timeout: timeoutFor(terminations * 30) };

test(
  'SIGTERM among hostile clients: what is under way is answered and kept, and it ends with 0',
  options,
  async () => {
    using trials = startTrials(`Writes under way at SIGTERM, ${underWayAtOnce} at once`, false);
    const tookMs: number[] = [];
    for (let round = 0; round < terminations; round += 1) {
      await using folder = await createFolder();
      const values = { ...variables, DATABASE_URL: `file:${join(folder.path, 'a.db')}` };
      await using server: ServerProcess = startProcess(values);
      const url = await server.ready;
      const api = createApi(url);
      const writes = await openPeople(api);
      const login = await api.mutate('auth.login', { input: admin });
      const hostile = await beHostile(url, signedInOf(login).accessToken);
      const underWay = await Promise.all(
        writes.map(({ path, token, input }) =>
          beginRequest(url, `/trpc/${path}`, { body: JSON.stringify(input), token }),
        ),
      );

      const toldAt = performance.now();
      server.kill('SIGTERM');
      await untilRefused(url);
      const texts = await Promise.all(underWay.map(({ finish }) => finish()));
      const answers = texts.map(readAnswer);
      // The contract gives it ten seconds; when it has to be cut short after 9.5, the code is not 0.
      expect(await server.ended).toEqual({ code: 0, signal: null });
      tookMs.push(performance.now() - toldAt);
      expect(server.stderr()).toBe('');
      for (const socket of hostile) socket.destroy();

      await using again = startProcess(values);
      const after = createApi(await again.ready);
      for (const [index, write] of writes.entries()) {
        const answer = answers[index];
        const isAnswered = answer?.status === 200;
        const loss = isAnswered ? await write.findLoss(answer, after) : null;
        trials.count(isAnswered ? loss : `${write.path} was not answered: ${answer?.text}`);
      }
    }
    const [half, all] = [50, 100].map((percent) => percentile(tookMs, percent).toFixed(0));
    print(
      `From SIGTERM to the end: half within ${half} ms, all within ${all} ms, ${tookMs.length} times`,
    );
    expect(trials.failures).toEqual([]);
  },
);
