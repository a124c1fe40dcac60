import pLimit from 'p-limit';
import type { Client } from 'pg';
import type { Runtime } from '../../runtime.ts';
import { createClockEstimate } from './clock-estimate.ts';

/** Between two beats. */
const everyMs = 250;
/**
 * What was told longer ago than this has come, or the process reads the store: less than the
 * second in which a revocation reaches everybody.
 */
const currentForMs = 800;
/** Between two tries to connect, growing from the first to the last. */
const retryMs = { first: 100, last: 2_000 } as const;

const databaseNow = '(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now';

/** What goes on between this process and the database, beside its queries. */
export interface Heartbeat {
  /** The database's time, in milliseconds since the Unix epoch: one for all processes. */
  now(): number;
  /** Whether everything that was told until 0.8 s ago has come here. */
  isCurrent(): boolean;
  /**
   * Resolves when everything has come that was told before it was called.
   *
   * @throws Error while that cannot be known
   */
  catchUp(): Promise<void>;
  close(): Promise<void>;
}

export interface HeartbeatOptions {
  /** Makes a client that is not connected yet; it has to give up a query that takes 2 s. */
  readonly createClient: () => Client;
  readonly runtime: Runtime;
  /** Whether what is told can come here at all; by default that is tried. */
  readonly canHear?: boolean;
  /** The channel on which changes are told, in the transaction that makes them. */
  readonly channel: string;
  onTold(payload: string): void;
  /** Something may have been told that did not come, and will not. */
  onGap(): void;
}

/**
 * Listens on a connection of its own, and shows that it hears: each beat is told on a channel
 * that this process alone listens to. PostgreSQL hands on what is told in the order of the
 * commits (NOTIFY, "Notes"), so a beat that has come back has behind it all that was told before
 * it was sent. With the beat comes the database's time.
 *
 * A database that is only compatible may have no LISTEN: there nothing is ever current.
 *
 * @throws whatever connecting for the first time throws
 */
export async function startHeartbeat(options: HeartbeatOptions): Promise<Heartbeat> {
  const { runtime, channel, canHear = true, onTold, onGap } = options;
  const clock = createClockEstimate(runtime);
  const ownChannel = `${channel}_${runtime.newId().replaceAll('-', '')}`;
  /** When the latest beat that has come back was sent. */
  let heardSince = Number.NEGATIVE_INFINITY;
  let lastEcho = 0;
  let beats = 0;
  let hasListen = true;
  let isClosed = false;
  let current: Client | undefined;

  async function connect(): Promise<Client> {
    const client = options.createClient();
    // A client that does not work any more fails at the next beat; nobody trusts it until then.
    for (const event of ['error', 'end'] as const) {
      client.on(event, () => {
        if (client === current) heardSince = Number.NEGATIVE_INFINITY;
      });
    }
    client.on('notification', ({ channel: name, payload = '' }) => {
      if (name === ownChannel) lastEcho = Number(payload);
      else onTold(payload);
    });
    try {
      await client.connect();
      hasListen = canHear && (await listen(client, [channel, ownChannel]));
      // What was read before may have changed unheard.
      onGap();
      await beat(client);
      return client;
    } catch (error) {
      client.end().catch(() => {});
      throw error;
    }
  }

  /** PostgreSQL sends a session what it told itself before it says that the query is done. */
  async function beatOnce(client: Client): Promise<boolean> {
    const sentAt = runtime.elapsed();
    const id = (beats += 1);
    const { rows } = hasListen
      ? await client.query<{ now: number }>(`SELECT ${databaseNow}, pg_notify($1, $2)`, [
          ownChannel,
          String(id),
        ])
      : await client.query<{ now: number }>(`SELECT ${databaseNow}`);
    const now = rows[0]?.now;
    if (now !== undefined) clock.learn(now, { sentAt, cameAt: runtime.elapsed() });
    if (lastEcho < id) return false;
    heardSince = sentAt;
    return true;
  }

  /** A client runs one query at a time. */
  const inTurn = pLimit(1);
  const beat = (client: Client) => inTurn(beatOnce, client);

  async function reconnect(): Promise<Client | undefined> {
    for (let pauseMs: number = retryMs.first; ; pauseMs = Math.min(retryMs.last, pauseMs * 2)) {
      // Not all processes at once, where the database comes back.
      await runtime.delay(pauseMs * (0.5 + (runtime.randomBytes(1)[0] ?? 0) / 512));
      if (isClosed) return current;
      try {
        return await connect();
      } catch {
        // The next try is as good as this one.
      }
    }
  }

  async function keepBeating(): Promise<void> {
    while (!isClosed) {
      try {
        await runtime.delay(everyMs);
        if (!isClosed && current) await beat(current);
      } catch {
        heardSince = Number.NEGATIVE_INFINITY;
        current?.end().catch(() => {});
        onGap();
        current = await reconnect();
      }
    }
  }

  current = await connect();
  const beating = keepBeating();
  return {
    now: () => clock.now(),
    isCurrent: () => runtime.elapsed() - heardSince < currentForMs,
    async catchUp() {
      if (!current || !(await beat(current))) throw new Error('What is told does not come here.');
    },
    async close() {
      isClosed = true;
      await current?.end();
      await beating;
      // The one of a reconnect that was under way.
      await current?.end();
    },
  };
}

/** @returns whether the database can tell */
async function listen(client: Client, channels: readonly string[]): Promise<boolean> {
  try {
    for (const channel of channels) {
      await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
    }
    return true;
  } catch (error) {
    // The server has answered that it does not know the statement.
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === '0A000' || code === '42601') return false;
    throw error;
  }
}
