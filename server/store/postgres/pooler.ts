import { once } from 'node:events';
import type * as pg from 'pg';
import { patientConfigOf } from './connection.ts';
import { Client } from './drizzle.ts';
import { postgresCodeOf } from './postgres-error.ts';

/** Nobody else listens to it. */
const channel = 'latchkey_try';
/** What is told comes in some milliseconds. What comes later counts as not heard, which is safe. */
const hearMs = 1_000;

/**
 * Whether what answers is a pooler that gives each transaction another connection of the server, as
 * PgBouncer does with `pool_mode = transaction`. Behind it nothing may be kept from one transaction
 * to the next: no statement that has a name, no lock, and above all no LISTEN. What a connection
 * tells itself comes back even there, while what others tell it is lost, so a beat proves nothing.
 *
 * @param url of another connection that is made for it
 */
export async function isPooledByTransaction(client: pg.Client, url: string): Promise<boolean> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  // Of the driver, and not in its types: what the server said of itself as it took the connection.
  const { processID } = client as pg.Client & { readonly processID: number | null };
  if (rows[0]?.pid === processID) return false;
  try {
    await client.query(`LISTEN ${channel}`);
  } catch (error) {
    // Only compatible, and has none.
    if (/^(0A000|42601)$/.test(postgresCodeOf(error) ?? '')) return false;
    throw error;
  }
  const hearing = once(client, 'notification', { signal: AbortSignal.timeout(hearMs) }).then(
    () => true,
    () => false,
  );
  await tellOnce(url);
  const isHeard = await hearing;
  await client.query(`UNLISTEN ${channel}`);
  return !isHeard;
}

async function tellOnce(url: string): Promise<void> {
  const client = new Client(patientConfigOf(url));
  // One that is lost between two statements fails the next one.
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query(`SELECT pg_notify('${channel}', '')`);
  } finally {
    await client.end().catch(() => {});
  }
}

/** A connection whose statements have no names, whoever gives them one. */
export class UnnamedClient extends Client {
  constructor(config?: pg.ClientConfig) {
    super(config);
    const query: (...given: unknown[]) => unknown = this.query.bind(this);
    const unnamed = (config: unknown, ...rest: unknown[]) =>
      query(
        typeof config === 'object' && config !== null && 'name' in config
          ? { ...config, name: undefined }
          : config,
        ...rest,
      );
    Object.assign(this, { query: unnamed });
  }
}
