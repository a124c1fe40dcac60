import { randomUUID } from 'node:crypto';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import type { AuthResult } from '../shared/schemas.ts';
import {
  compare,
  createBench,
  pinLoad,
  RefusedRun,
  underLoad,
  type Bench,
  type Call,
  type Plan,
  type ServerProcess,
  type Subject,
} from './harness.ts';
import {
  measureBites,
  populatePostgres,
  populateSqlite,
  type PopulatedDatabase,
} from './populated-database.ts';
import type { Size } from './seed.ts';
import { password } from './servers/people.ts';
import {
  connections,
  loadOf,
  signInConnections,
  startLatchkey,
  type RunningLatchkey,
} from './subjects.ts';
import { formatTable, type TableRow } from './table.ts';

// `npm run bench:scale`: what a call costs beside a million users and ten million sessions, as
// against a thousand users: a quarter of an hour and 8 GB of disk. `-- --users 1000,30000` says
// which sizes, the first being what the others stand beside; `-- --quick` shows that all of it runs;
// `-- --postgres postgres://root@127.0.0.1:5432/postgres` does it in databases made on that server,
// whose processor time then counts with Latchkey's. `-- --only user.me,auth.login` runs the rows of those names.
const { values } = parseArgs({
  options: {
    users: { type: 'string', default: '1000,1000000' },
    sessions: { type: 'string', default: '10' },
    quick: { type: 'boolean', default: false },
    postgres: { type: 'string' },
    only: { type: 'string', default: '' },
  },
});
const sizes: readonly Size[] = (values.quick ? '40,120' : values.users)
  .split(',')
  .map((users) => ({ users: Number(users), sessions: values.quick ? 3 : Number(values.sessions) }));
const plan: Plan = values.quick
  ? { slices: 2, sliceSeconds: 0.05, warmUpSeconds: 0.05 }
  : { slices: 7, sliceSeconds: 0.9, warmUpSeconds: 3 };
/** Least work beside the call, so that what the size costs is seen. */
const bcryptCost = 4;
/** Sessions of each who is signed in. */
const sessionsOfEach = 10;

/** A Latchkey with so many rows behind those who are signed in. */
interface Populated extends RunningLatchkey {
  readonly size: Size;
  readonly database: PopulatedDatabase;
  readonly adminToken: string;
}

interface Figure {
  readonly figure: string;
  readonly how: string;
  subjectOf(latchkey: Populated): Subject | Promise<Subject>;
}

// Where the filters leave fewer in a small database, no more than those are asked for.
const figures: readonly Figure[] = [
  {
    figure: 'user.me',
    how: 'signed in, the session checked',
    subjectOf: (latchkey) => loadOf(latchkey, 'read'),
  },
  {
    figure: 'auth.refresh',
    how: 'with the token that the last answer gave',
    subjectOf: (latchkey) => loadOf(latchkey, 'refresh'),
  },
  {
    figure: 'auth.login',
    how: `bcrypt at cost ${bcryptCost}, so that the rest of the call is most of it; with the cap on sessions`,
    subjectOf: (latchkey) => loadOf({ ...latchkey, people: comersAndGoers(latchkey) }, 'sign-in'),
  },
  {
    figure: 'auth.register',
    how: `bcrypt at cost ${bcryptCost}; the search index is written`,
    subjectOf: (latchkey) => underLoad(latchkey.server, registrations()),
  },
  {
    figure: 'session.list',
    how: `${sessionsOfEach} sessions and more of each`,
    subjectOf: (latchkey) =>
      underLoad(
        latchkey.server,
        latchkey.people.slice(0, connections).map((person) => get('session.list', person)),
      ),
  },
  {
    figure: 'session.revoke',
    how: 'sessions that were signed in for it, one after the other',
    subjectOf: (latchkey) => revocations(latchkey),
  },
  listing('first page', {}),
  listing('a page in the middle', {}, { atMiddle: true }),
  listing('the disabled, one in 500', { status: 'disabled', limit: 2 }),
  listing('admins who are active, one in 1,000', { role: 'admin', status: 'active', limit: 1 }),
  listing('search for one user', { search: 'member_17@' }),
  listing('search that all fit', { search: 'example.com' }),
  listing('search that one in nine fits', { search: 'grace' }),
  listing('two letters that all fit', { search: 'me' }),
  listing('search that all fit, among admins', { search: 'example.com', role: 'admin', limit: 1 }),
];

function listing(
  name: string,
  input: object,
  { atMiddle = false }: { atMiddle?: boolean } = {},
): Figure {
  return {
    figure: name,
    how: `admin.listUsers ${JSON.stringify(input)}`,
    async subjectOf({ server, adminToken, database, size }) {
      const middle = `member_${Math.floor(size.users / 2)}@example.com`;
      const cursor = atMiddle ? { cursor: await database.idOfUser(middle) } : {};
      const call = get('admin.listUsers', { accessToken: adminToken }, { ...input, ...cursor });
      return underLoad(
        server,
        Array.from({ length: connections }, () => call),
      );
    },
  };
}

const pins = pinLoad();
const loadBefore = loadavg()[0] ?? 0;
const rows: TableRow[] = [];
const notes: string[] = [];
try {
  // Databases go after the servers that are connected to them.
  await using databases = new AsyncDisposableStack();
  await using bench = createBench(pins);
  const places = { bench, databases };
  const [least, ...others] = sizes;
  if (!least || others.length === 0) throw new RefusedRun('At least two numbers of users.');
  const smallest = await populate(places, least);
  for (const size of others) {
    const larger = await populate(places, size);
    for (const { figure, how, subjectOf } of figures.filter(isWanted)) {
      say(`${figure}: ${size.users} users beside ${least.users}`);
      const comparison = await compare([await subjectOf(larger), await subjectOf(smallest)], plan);
      const beside = `${count(size.users)} : ${count(least.users)} users`;
      rows.push({ figure, beside, how, ...comparison });
    }
    notes.push(
      await memoryOf('after', larger),
      ...(await measureBites(larger.database.url, count(size.users))),
    );
  }
  notes.push(await memoryOf('after', smallest));
} catch (error) {
  if (!(error instanceof RefusedRun)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
const loads = [loadBefore, loadavg()[0] ?? 0].map((load) => load.toFixed(2)).join(' before, ');
console.log(`\n${cpus().length} × ${cpus()[0]?.model.trim()}, load ${loads} after`);
console.log(`Node ${process.versions.node}; ${sizes[0]?.sessions} sessions of each user;`);
console.log(`${plan.slices} pairs of slices of ${plan.sliceSeconds} s for each row, in turn.\n`);
console.log(`${formatTable(rows)}\n\n${notes.join('\n')}`);

interface Places {
  readonly bench: Bench;
  readonly databases: AsyncDisposableStack;
}

function isWanted({ figure }: Figure): boolean {
  return values.only.split(',').some((name) => figure.includes(name));
}

async function populate({ bench, databases }: Places, size: Size): Promise<Populated> {
  const path = bench.newDatabase();
  const database = databases.use(
    values.postgres === undefined
      ? await populateSqlite(path, size, say)
      : await populatePostgres(path, size, { serverUrl: values.postgres, report: say }),
  );
  const { perUser, perSession } = database.bytes;
  notes.push(
    `${count(size.users)} users: ${Math.round(perUser)} bytes each and ${Math.round(perSession)} for a session, indexes with them`,
  );
  const startedAt = performance.now();
  // Behind those who stay signed in, those who do so again and again; the last is the admin.
  const people = connections + signInConnections + 1;
  const running = await startLatchkey(bench, { people, database: database.url });
  const latchkey = { ...running, server: withDatabase(running.server, database) };
  const seconds = (performance.now() - startedAt) / 1_000;
  notes.push(
    `${count(size.users)} users: ready, with ${people} registered, in ${seconds.toFixed(1)} s`,
  );
  for (const { email } of latchkey.people) {
    for (let index = 1; index < sessionsOfEach; index += 1) await signIn(latchkey.server, email);
  }
  const admin = latchkey.people.at(-1)?.email ?? '';
  await database.makeAdmin(admin);
  const { accessToken: adminToken } = await signIn(latchkey.server, admin);
  const populated = { ...latchkey, size, database, adminToken };
  notes.push(await memoryOf('at rest', populated));
  return populated;
}

/** What the database's own processes do for the server counts with what it does itself. */
function withDatabase(server: ServerProcess, database: PopulatedDatabase): ServerProcess {
  return {
    ...server,
    run: async (operations) => (await server.run(operations)) + database.cpuMicros(),
  };
}

async function signIn(server: ServerProcess, email: string): Promise<AuthResult> {
  const response = await fetch(`${server.url}/trpc/auth.login`, {
    method: 'POST',
    // The harness looks for an address in every answer, and a list of sessions shows this.
    headers: { 'content-type': 'application/json', 'user-agent': email },
    body: JSON.stringify({ email, password }),
  });
  if (!response.ok) throw new RefusedRun(`The run is refused: a sign-in was ${response.status}.`);
  return ((await response.json()) as { result: { data: AuthResult } }).result.data; // tRPC's envelope.
}

function get(path: string, { accessToken }: Pick<AuthResult, 'accessToken'>, input?: object): Call {
  const query = input ? `?input=${encodeURIComponent(JSON.stringify(input))}` : '';
  const headers = { authorization: `Bearer ${accessToken}` };
  return { method: 'GET', path: `/trpc/${path}${query}`, headers };
}

/** Their oldest sessions end with each sign-in beyond the cap; as many as are let in at once. */
function comersAndGoers({ people }: Populated): Populated['people'] {
  return people.slice(connections, connections + signInConnections);
}

/** Each of another person, as many at once as are let in. */
function registrations(): Call[] {
  const next = () => JSON.stringify({ email: `${randomUUID()}@example.com`, password });
  return Array.from({ length: signInConnections }, () => ({
    method: 'POST',
    path: '/trpc/auth.register',
    headers: { 'content-type': 'application/json' },
    body: next(),
    follow: () => ({ body: next() }),
  }));
}

/** Sessions can be revoked once: each slice signs some in, which does not count. */
function revocations(latchkey: Populated): Subject {
  const { server } = latchkey;
  const comers = comersAndGoers(latchkey);
  return {
    concurrency: 1,
    async measure(operations) {
      const slice = { operations, seconds: 0, cpuMicros: 0, loadCpuMicros: 0 };
      for (let done = 0; done < operations;) {
        const some = comers.slice(0, operations - done);
        const sessions = await Promise.all(some.map(({ email }) => signIn(server, email)));
        const cpuBefore = await server.run(0);
        const startedAt = performance.now();
        await Promise.all(
          sessions.map(async ({ accessToken }) => {
            const response = await fetch(`${server.url}/trpc/auth.logout`, {
              method: 'POST',
              headers: {
                'content-type': 'application/json',
                authorization: `Bearer ${accessToken}`,
              },
              body: '{}',
            });
            if (!(await response.text()).includes('"revoked":true')) {
              throw new RefusedRun('The run is refused: a session was not revoked.');
            }
          }),
        );
        slice.seconds += (performance.now() - startedAt) / 1_000;
        slice.cpuMicros += (await server.run(0)) - cpuBefore;
        done += some.length;
      }
      return slice;
    },
  };
}

async function memoryOf(when: string, { server, size }: Populated): Promise<string> {
  const bytes = await server.residentBytes();
  return `${count(size.users)} users: ${(bytes / 2 ** 20).toFixed(0)} MB of memory ${when}`;
}

function count(value: number): string {
  return value.toLocaleString('en');
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
