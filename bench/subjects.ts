import type { AuthResult } from '../shared/schemas.ts';
import {
  byItself,
  RefusedRun,
  underLoad,
  type Bench,
  type Call,
  type ServerProcess,
  type Subject,
} from './harness.ts';
import type { BetterAuthVariant } from './servers/better-auth.ts';

/** Connections that read or refresh; each has a user and a session of its own. */
export const connections = 32;
/** Connections that sign in: more would be refused, as `overloaded`, by one processor's queue. */
export const signInConnections = 4;
/** The cost of hashes that are set-up and not measured. */
const setUpCost = 4;
const password = 'seven quiet lanterns';
const json = { 'content-type': 'application/json' };

export interface RunningLatchkey {
  readonly server: ServerProcess;
  readonly databasePath: string;
  readonly people: readonly (AuthResult & { readonly email: string })[];
}

/** Latchkey with people who are signed in. */
export async function startLatchkey(
  bench: Bench,
  options: { people?: number; bcryptCost?: number; withoutDatabase?: boolean },
): Promise<RunningLatchkey> {
  const { people = connections, bcryptCost = setUpCost, withoutDatabase = false } = options;
  const databasePath = bench.newDatabase();
  const server = await bench.start('latchkey.ts', {
    args: withoutDatabase ? ['--without-database'] : [],
    env: {
      DATABASE_URL: `file:${databasePath}`,
      LATCHKEY_BCRYPT_COST: String(bcryptCost),
      LATCHKEY_RATE_LIMITS: 'off',
    },
  });
  const signedUp: RunningLatchkey['people'][number][] = [];
  for (const email of addresses(people)) {
    const answer = await post(server, '/trpc/auth.register', { email, password });
    signedUp.push({ ...resultOf(await answer.text()), email });
  }
  return { server, databasePath, people: signedUp };
}

/** `user.me`, signed in. */
export function readsOfMe({ people }: RunningLatchkey): Call[] {
  return people.slice(0, connections).map(({ accessToken }) => ({
    method: 'GET',
    path: '/trpc/user.me',
    headers: { authorization: `Bearer ${accessToken}` },
  }));
}

/** `auth.refresh`, with the token that the last answer gave. */
export function refreshes({ people }: RunningLatchkey): Call[] {
  return people.slice(0, connections).map(({ refreshToken }) => ({
    method: 'POST',
    path: '/trpc/auth.refresh',
    headers: json,
    body: JSON.stringify({ refreshToken }),
    follow: (answer) => JSON.stringify({ refreshToken: resultOf(answer).refreshToken }),
  }));
}

/** `auth.login`. */
export function signIns({ people }: RunningLatchkey): Call[] {
  return people.map(({ email }) => ({
    method: 'POST',
    path: '/trpc/auth.login',
    headers: json,
    body: JSON.stringify({ email, password }),
  }));
}

/** A server that answers the same calls with what Latchkey answers to the first, unasked. */
export async function startStandIn(
  bench: Bench,
  file: 'bare-http.ts' | 'open-query.ts',
  latchkey: RunningLatchkey,
): Promise<Subject> {
  const calls = readsOfMe(latchkey);
  const answer = await get(latchkey.server, calls[0]);
  const { result } = JSON.parse(answer) as { result: { data: unknown } }; // tRPC's envelope.
  const body = file === 'open-query.ts' ? JSON.stringify(result.data) : answer;
  return underLoad(await bench.start(file, { args: [body], env: production }), calls);
}

/** Guarded updates in the file of a Latchkey, of the sessions that began last. */
export async function startRawCommits(
  bench: Bench,
  { databasePath }: RunningLatchkey,
): Promise<Subject> {
  const args = [databasePath, String(connections)];
  return byItself(await bench.start('raw-commits.ts', { args }));
}

/** Verifications by bcrypt alone. */
export async function startRawBcrypt(bench: Bench, cost: number): Promise<Subject> {
  return byItself(await bench.start('raw-bcrypt.ts', { args: [String(cost)] }));
}

/** better-auth under reads of the session, or under sign-ins, of a user for each connection. */
export async function startBetterAuth(
  bench: Bench,
  kind: 'session' | 'sign-in',
  variant: BetterAuthVariant,
): Promise<Subject> {
  const args = [bench.newDatabase(), JSON.stringify(variant)];
  const server = await bench.start('better-auth.ts', { args, env: production });
  const calls: Call[] = [];
  for (const email of addresses(kind === 'session' ? connections : signInConnections)) {
    const body = { email, password, name: email };
    const { headers } = await post(server, '/api/auth/sign-up/email', body);
    const cookies = headers.getSetCookie().map((cookie) => cookie.split(';', 1)[0]);
    calls.push(
      kind === 'session'
        ? { method: 'GET', path: '/api/auth/get-session', headers: { cookie: cookies.join('; ') } }
        : {
            method: 'POST',
            path: '/api/auth/sign-in/email',
            headers: json,
            body: JSON.stringify({ email, password }),
          },
    );
  }
  return underLoad(server, calls);
}

/** better-auth's variant for reads: its password hash is not what is measured. */
export const cheapHash = { bcryptCost: setUpCost } satisfies BetterAuthVariant;

/** Others run as in production; Latchkey then refuses to run without its limits. */
const production = { NODE_ENV: 'production' };

function addresses(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `person-${index}@example.com`);
}

async function get(server: ServerProcess, call: Call | undefined): Promise<string> {
  const response = await fetch(`${server.url}${call?.path}`, { headers: call?.headers ?? {} });
  return response.text();
}

async function post(server: ServerProcess, path: string, body: object): Promise<Response> {
  const response = await fetch(`${server.url}${path}`, {
    method: 'POST',
    // better-auth refuses what Node's fetch sends without one.
    headers: { ...json, ...(server.url !== null && { origin: server.url }) },
    body: JSON.stringify(body),
  });
  const { ok, status } = response;
  if (!ok) throw new RefusedRun(`The run is refused: ${path} answered ${status}.`);
  return response;
}

function resultOf(answer: string): AuthResult {
  return (JSON.parse(answer) as { result: { data: AuthResult } }).result.data; // tRPC's envelope.
}
