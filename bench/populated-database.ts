import { readdirSync, readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import Database from 'better-sqlite3';
import { Client } from 'pg';
import { createRuntime } from '../server/runtime.ts';
import { copyDatabase } from '../server/store/copy/copy-database.ts';
import { openPostgresTarget } from '../server/store/copy/open-postgres.ts';
import { openSqliteSide } from '../server/store/copy/sqlite-side.ts';
import { noAuditLinking } from '../server/store/no-audit-linking.ts';
import { openStore } from '../server/store/open-store.ts';
import { prunedAtOnce } from '../server/store/prune.ts';
import { seedDatabase, type SeededBytes, type Size } from './seed.ts';

/** A database with many rows in it. */
export interface PopulatedDatabase extends AsyncDisposable {
  readonly url: string;
  readonly bytes: SeededBytes;
  makeAdmin(email: string): Promise<void>;
  idOfUser(email: string): Promise<string>;
  /** Processor time of the database's own processes so far, in microseconds; none where it has none. */
  cpuMicros(): number;
}

export async function populateSqlite(
  path: string,
  size: Size,
  report: (done: string) => void,
): Promise<PopulatedDatabase> {
  const bytes = await seedDatabase(path, size, { report });
  function withDatabase<T>(work: (database: Database.Database) => T): T {
    const database = new Database(path);
    try {
      return work(database);
    } finally {
      database.close();
    }
  }
  return {
    url: `file:${path}`,
    bytes,
    async makeAdmin(email) {
      withDatabase((database) =>
        database.prepare("UPDATE users SET role = 'admin' WHERE email = ?").run(email),
      );
    },
    async idOfUser(email) {
      const row = withDatabase((database) =>
        database
          .prepare<[string], { id: string }>('SELECT id FROM users WHERE email = ?')
          .get(email),
      );
      return row?.id ?? '';
    },
    cpuMicros: () => 0,
    async [Symbol.asyncDispose]() {},
  };
}

/** The same rows in a database of its own on that server, brought there as `latchkey copy` does. */
export async function populatePostgres(
  path: string,
  size: Size,
  { serverUrl, report }: { serverUrl: string; report: (done: string) => void },
): Promise<PopulatedDatabase> {
  await seedDatabase(path, size, { report });
  const name = `latchkey_scale_${createRuntime().randomBytes(6).toString('hex')}`;
  await onServer(serverUrl, (client) => client.query(`CREATE DATABASE ${name}`));
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const query = async <Row extends object>(text: string, values: string[] = []): Promise<Row[]> =>
    onServer(url.href, async (client) => (await client.query<Row>(text, values)).rows);

  const source = openSqliteSide(path, { alone: true });
  const target = await openPostgresTarget(url.href, { restart: false });
  let step = '';
  await copyDatabase(source, target, (progress) => {
    if (step !== progress.step) report(`${size.users} users: ${(step = progress.step)}`);
  });
  await source.close();
  await target.close();
  await query('VACUUM (ANALYZE)');
  const sizeOf = async (table: string) => {
    const [row] = await query<{ bytes: number }>(
      'SELECT pg_total_relation_size($1)::float8 AS bytes',
      [table],
    );
    return row?.bytes ?? Number.NaN;
  };
  return {
    url: url.href,
    bytes: {
      perUser: (await sizeOf('users')) / size.users,
      perSession: (await sizeOf('sessions')) / (size.users * size.sessions),
    },
    async makeAdmin(email) {
      await query("UPDATE users SET role = 'admin' WHERE email = $1", [email]);
    },
    async idOfUser(email) {
      const [row] = await query<{ id: string }>('SELECT id FROM users WHERE email = $1', [email]);
      return row?.id ?? '';
    },
    cpuMicros: postgresCpuMicros,
    async [Symbol.asyncDispose]() {
      await onServer(serverUrl, (client) =>
        client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
      );
    },
  };
}

async function onServer<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Of Linux's clock ticks a hundred make a second. */
const microsOfTick = 10_000;

/** Of every process named `postgres` on this machine: nothing else has to use the server meanwhile. */
function postgresCpuMicros(): number {
  let ticks = 0;
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      const [, name, rest = ''] = /^\d+ \((.*)\) (.*)$/s.exec(stat) ?? [];
      if (name !== 'postgres') continue;
      // The 14th to 17th fields (proc(5)), of which the first two are gone: its own time, and that
      // of its children that have ended.
      for (const field of rest.split(' ').slice(11, 15)) ticks += Number(field);
    } catch {
      // It has ended meanwhile.
    }
  }
  return ticks * microsOfTick;
}

/**
 * How long the event loop is held by what goes through rows in bites: pruning, and a search for
 * less than three characters that nobody has.
 */
export async function measureBites(url: string, users: string): Promise<readonly string[]> {
  const { store } = await openStore({
    database: url,
    databasePool: 2,
    runtime: createRuntime(),
    auditChain: noAuditLinking,
  });
  const holds = monitorEventLoopDelay({ resolution: 1 });
  const startedAt = performance.now();
  holds.enable();
  await store.listUsers({ search: '¿', limit: 50 });
  holds.disable();
  const searchMs = performance.now() - startedAt;
  const biteCount = 500;
  const bites: number[] = [];
  for (let bite = 0; bite < biteCount; bite += 1) {
    const before = performance.now();
    await store.pruneSessions({ before: Number.MAX_SAFE_INTEGER, limit: prunedAtOnce });
    bites.push(performance.now() - before);
  }
  await store.close();
  bites.sort((one, other) => one - other);
  const ms = (share: number) => bites[Math.floor(biteCount * share)]?.toFixed(1);
  return [
    `${users} users: a search for one character that nobody has takes ${searchMs.toFixed(0)} ms, and holds the event loop for ${(holds.percentile(99) / 1e6).toFixed(1)} ms (p99), ${(holds.max / 1e6).toFixed(1)} ms at most`,
    `${users} users: a bite of ${prunedAtOnce} sessions pruned takes ${ms(0.5)} ms (median), ${ms(0.99)} ms (p99)`,
  ];
}
