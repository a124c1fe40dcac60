import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';
import { Client } from 'pg';
import { describe, expect, test, vi } from 'vitest';
import { createRuntime } from '../../runtime.ts';
import { startHeartbeat, type Heartbeat } from './heartbeat.ts';
import { hasPostgres, postgresUrl } from './testing/postgres-server.ts';

const channel = 'latchkey_heartbeat_test';
const deadline = { timeout: 15_000, interval: 20 };

interface Scene extends AsyncDisposable {
  readonly heartbeat: Heartbeat;
  readonly told: string[];
  gaps(): number;
  /** On another connection, as another process. */
  query<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>;
  /** Ends the connection at the database. */
  terminate(): Promise<void>;
}

async function start(url: string = postgresUrl): Promise<Scene> {
  const told: string[] = [];
  let gaps = 0;
  const processIds: number[] = [];
  const other = new Client({ connectionString: postgresUrl });
  await other.connect();
  const heartbeat = await startHeartbeat({
    createClient() {
      const client = new Client({ connectionString: url, query_timeout: 3_000 });
      // Of the protocol, and not in the types.
      client.once('connect', () =>
        processIds.push((client as Client & { processID: number }).processID),
      );
      return client;
    },
    // The process's own clock is wrong by decades.
    runtime: createRuntime(() => 0),
    channel,
    onTold: (payload) => told.push(payload),
    onGap: () => (gaps += 1),
  });
  return {
    heartbeat,
    told,
    gaps: () => gaps,
    async query<Row extends object>(text: string, values?: unknown[]) {
      const { rows } = await other.query<Row>(text, values);
      return rows;
    },
    async terminate() {
      await other.query('SELECT pg_terminate_backend($1)', [processIds.at(-1)]);
    },
    async [Symbol.asyncDispose]() {
      await heartbeat.close();
      await other.end();
    },
  };
}

/** Hands everything on until it is told to fall silent, as a network does that drops packets. */
async function startProxy() {
  const { hostname, port } = new URL(postgresUrl);
  const sockets = new Set<Socket>();
  let isSilent = false;
  const server = createServer((near) => {
    const far = createConnection(Number(port || 5_432), hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => {});
      from.on('data', (piece) => isSilent || to.write(piece));
      from.on('close', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const url = new URL(postgresUrl);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    fallSilent: (silent: boolean) => (isSilent = silent),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

describe.skipIf(!hasPostgres)('the heartbeat', () => {
  test('what is told comes, and after catching up all that was told before', async () => {
    await using s = await start();
    expect(s.heartbeat.isCurrent()).toBe(true);
    for (let n = 0; n < 50; n += 1) await s.query('SELECT pg_notify($1, $2)', [channel, String(n)]);
    await s.heartbeat.catchUp();
    expect(s.told).toEqual(Array.from({ length: 50 }, (_, n) => String(n)));
  });

  test('what is taken back is not told', async () => {
    await using s = await start();
    await s.query('BEGIN');
    await s.query('SELECT pg_notify($1, $2)', [channel, 'never']);
    await s.query('ROLLBACK');
    await s.heartbeat.catchUp();
    expect(s.told).toEqual([]);
  });

  test('many may catch up at once', async () => {
    await using s = await start();
    await s.query('SELECT pg_notify($1, $2)', [channel, 'this']);
    await Promise.all(Array.from({ length: 20 }, () => s.heartbeat.catchUp()));
    expect(s.told).toEqual(['this']);
  });

  test('the time is the database’s, whatever this machine’s clock says', async () => {
    await using s = await start();
    const read = async () => {
      const [row] = await s.query<{ now: number }>(
        'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now',
      );
      return row?.now ?? Number.NaN;
    };
    const before = await read();
    const now = s.heartbeat.now();
    const after = await read();
    // Half the time of an answer is what an estimate may be wrong by.
    expect(now).toBeGreaterThan(before - 1_000);
    expect(now).toBeLessThan(after + 1_000);
  });

  test('a connection that is ended is not trusted, and another one takes its place', async () => {
    await using s = await start();
    expect(s.gaps()).toBe(1);
    await s.terminate();
    await vi.waitFor(() => expect(s.heartbeat.isCurrent()).toBe(false), deadline);
    await vi.waitFor(() => expect(s.heartbeat.isCurrent()).toBe(true), deadline);
    expect(s.gaps()).toBe(3);
    await s.query('SELECT pg_notify($1, $2)', [channel, 'after']);
    await s.heartbeat.catchUp();
    expect(s.told).toEqual(['after']);
  });

  test('a connection that falls silent is not trusted, and given up', async () => {
    await using proxy = await startProxy();
    await using s = await start(proxy.url);
    proxy.fallSilent(true);
    await vi.waitFor(() => expect(s.heartbeat.isCurrent()).toBe(false), deadline);
    await vi.waitFor(() => expect(s.gaps()).toBe(2), deadline);
    proxy.fallSilent(false);
    await vi.waitFor(() => expect(s.heartbeat.isCurrent()).toBe(true), deadline);
  });

  test('a first connection that fails is the caller’s to hear of', async () => {
    const createClient = () => new Client({ host: '127.0.0.1', port: 1, user: 'nobody' });
    const runtime = createRuntime();
    const options = { createClient, runtime, channel, onTold() {}, onGap() {} };
    await expect(startHeartbeat(options)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('it ends while the database is away', async () => {
    const proxy = await startProxy();
    const s = await start(proxy.url);
    await proxy[Symbol.asyncDispose]();
    await vi.waitFor(() => expect(s.heartbeat.isCurrent()).toBe(false), deadline);
    await s[Symbol.asyncDispose]();
    await expect(s.heartbeat.catchUp()).rejects.toBeInstanceOf(Error);
  });
});
