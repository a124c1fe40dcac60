import { spawnSync } from 'node:child_process';
import type { AuthResult } from '../shared/schemas.ts';
import {
  byItself,
  RefusedRun,
  together,
  underLoad,
  type Bench,
  type Call,
  type ServerProcess,
  type Subject,
} from './harness.ts';
import type { BetterAuthVariant } from './servers/better-auth.ts';
import { addresses, password } from './servers/people.ts';

/** Connections that read or refresh; each has a user and a session of its own. */
export const connections = 32;
/** Connections that sign in: more would be refused, as `overloaded`, by one processor's queue. */
export const signInConnections = 4;
/** The cost of hashes that are set-up and not measured. */
const setUpCost = 4;
/** No more than may wait for one processor's hash. */
const registeredAtOnce = 16;
/** Longer than the longest run. */
const accessTtlSeconds = 86_400;
const json = { 'content-type': 'application/json' };

/** What is called. */
export type Kind = 'read' | 'refresh' | 'sign-in';

interface SignedInPerson {
  readonly email: string;
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** A server that answers as Latchkey does, with people who are signed in. */
interface RunningServer {
  readonly server: ServerProcess;
  readonly api: Api;
  readonly people: readonly SignedInPerson[];
}

/** Where a server has the three calls, and what is around its answers. */
interface Api {
  readonly read: string;
  readonly refresh: string;
  readonly signIn: string;
  unwrap(answer: string): AuthResult;
}

const trpcApi: Api = {
  read: '/trpc/user.me',
  refresh: '/trpc/auth.refresh',
  signIn: '/trpc/auth.login',
  unwrap: (answer) => (JSON.parse(answer) as { result: { data: AuthResult } }).result.data, // tRPC's envelope.
};

const restApi: Api = {
  read: '/me',
  refresh: '/refresh',
  signIn: '/login',
  unwrap: (answer) => JSON.parse(answer) as AuthResult, // As servers/express.ts and fastify.ts answer.
};

export interface RunningLatchkey extends RunningServer {
  readonly databasePath: string;
}

export interface LatchkeyVariant {
  readonly people?: number;
  readonly bcryptCost?: number;
  readonly algorithm?: 'HS256';
  /** See servers/latchkey.ts. */
  readonly flag?: '--without-database' | '--synchronous-normal';
  /** The URL of one that is there; a new file by default. */
  readonly database?: string;
}

/** Latchkey with people who are signed in. */
export async function startLatchkey(
  bench: Bench,
  variant: LatchkeyVariant,
): Promise<RunningLatchkey> {
  const { people = connections, bcryptCost = setUpCost, algorithm, flag } = variant;
  const databasePath = bench.newDatabase();
  const { database = `file:${databasePath}` } = variant;
  const server = await bench.start('latchkey.ts', {
    args: flag ? [flag] : [],
    env: {
      ...latchkeyEnvironment(database),
      LATCHKEY_BCRYPT_COST: String(bcryptCost),
      ...(algorithm && { LATCHKEY_SIGNING_ALG: algorithm }),
    },
  });
  return { server, api: trpcApi, databasePath, people: await register(server, people) };
}

/** How every Latchkey here is set up: nothing is refused for its number, no token runs out. */
export function latchkeyEnvironment(database: string): Readonly<Record<string, string>> {
  return {
    DATABASE_URL: database,
    LATCHKEY_RATE_LIMITS: 'off',
    LATCHKEY_ACCESS_TTL: String(accessTtlSeconds),
  };
}

/** Latchkey's routers in a host's, on tRPC's standalone adapter. */
export async function startMounted(bench: Bench): Promise<RunningServer> {
  const server = await bench.start('mounted.ts', { args: [bench.newDatabase()] });
  return { server, api: trpcApi, people: await register(server, connections) };
}

async function register(server: ServerProcess, count: number): Promise<SignedInPerson[]> {
  const people: SignedInPerson[] = [];
  const left = addresses(count);
  while (left.length > 0) {
    const registered = left.splice(0, registeredAtOnce).map(async (email) => {
      const answer = await post(server, '/trpc/auth.register', { email, password });
      return personOf(email, trpcApi.unwrap(await answer.text()));
    });
    people.push(...(await Promise.all(registered)));
  }
  return people;
}

/** A server of somebody else’s that has the three calls. */
export async function startPeer(
  bench: Bench,
  kind: Kind,
  peer: {
    readonly file: 'express.ts' | 'fastify.ts' | 'usual-way.ts';
    readonly cost?: number;
    readonly args?: readonly string[];
  },
): Promise<Subject> {
  const { file, cost = setUpCost, args = [] } = peer;
  const api = file === 'usual-way.ts' ? trpcApi : restApi;
  const count = kind === 'sign-in' ? signInConnections : connections;
  const server = await bench.start(file, {
    args: [bench.newDatabase(), String(cost), String(count), ...args],
    env: production,
  });
  const people: SignedInPerson[] = [];
  for (const email of addresses(count)) {
    const answer = await post(server, api.signIn, { email, password });
    people.push(personOf(email, api.unwrap(await answer.text())));
  }
  return loadOf({ server, api, people }, kind);
}

function personOf(email: string, { accessToken, refreshToken }: AuthResult): SignedInPerson {
  if (refreshToken === null) throw new Error('A server gave no refresh token.');
  return { email, accessToken, refreshToken };
}

/** A server under one kind of call by all its people. */
export function loadOf(running: RunningServer, kind: Kind): Subject {
  const calls = { read: readsOf, refresh: refreshesOf, 'sign-in': signInsOf }[kind];
  return underLoad(running.server, calls(running));
}

function readsOf({ api, people }: RunningServer): Call[] {
  return people.slice(0, connections).map(({ accessToken }) => ({
    method: 'GET',
    path: api.read,
    headers: bearer(accessToken),
  }));
}

/** With the token that the last answer gave. */
function refreshesOf({ api, people }: RunningServer): Call[] {
  const bodyOf = (refreshToken: string | null) => JSON.stringify({ refreshToken });
  return people.slice(0, connections).map(({ refreshToken }) => ({
    method: 'POST',
    path: api.refresh,
    headers: json,
    body: bodyOf(refreshToken),
    follow: (answer) => ({ body: bodyOf(api.unwrap(answer).refreshToken) }),
  }));
}

function signInsOf({ api, people }: RunningServer): Call[] {
  return people.map(({ email }) => ({
    method: 'POST',
    path: api.signIn,
    headers: json,
    body: JSON.stringify({ email, password }),
  }));
}

/**
 * Reads that each bring a token which is not in the cache of verified ones: more tokens than it
 * holds, in turn, so that the oldest is gone when it comes again. Refreshing made them.
 */
export async function readsWithNewTokens(running: RunningServer, tokens: number): Promise<Subject> {
  const kept: string[] = [];
  const calls = refreshesOf(running).map((call): Call => {
    const follow = (answer: string) => {
      kept.push(running.api.unwrap(answer).accessToken);
      return call.follow?.(answer) ?? {};
    };
    return { ...call, follow };
  });
  await underLoad(running.server, calls).measure(tokens);
  let next = 0;
  const follow = () => {
    next = (next + 1) % kept.length;
    return { headers: bearer(kept[next] ?? '') };
  };
  const reads = readsOf(running).map((call): Call => ({ ...call, ...follow(), follow }));
  return underLoad(running.server, reads);
}

/** Reads with known tokens, and a raw check of a signature with each. */
export async function startReadsAndChecks(bench: Bench, reads: Subject): Promise<Subject> {
  return together(reads, byItself(await bench.start('raw-checks.ts')));
}

/** A server that answers the same calls with what Latchkey answers to the first, unasked. */
export async function startStandIn(
  bench: Bench,
  file: 'bare-http.ts' | 'open-query.ts',
  latchkey: RunningServer,
): Promise<Subject> {
  const calls = readsOf(latchkey);
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
  kind: 'session' | 'user.me' | 'sign-in',
  variant: BetterAuthVariant,
): Promise<Subject> {
  const args = [bench.newDatabase(), JSON.stringify(variant)];
  const server = await bench.start('better-auth.ts', { args, env: production });
  const calls: Call[] = [];
  for (const email of addresses(kind === 'sign-in' ? signInConnections : connections)) {
    const body = { email, password, name: email };
    const { headers } = await post(server, '/api/auth/sign-up/email', body);
    calls.push(
      {
        session: {
          method: 'GET' as const,
          path: '/api/auth/get-session',
          headers: { cookie: cookiesOf(headers.getSetCookie()) },
        },
        'user.me': {
          method: 'GET' as const,
          path: '/trpc/user.me',
          headers: bearer(headers.get('set-auth-token') ?? ''),
        },
        'sign-in': {
          method: 'POST' as const,
          path: '/api/auth/sign-in/email',
          headers: json,
          body: JSON.stringify({ email, password }),
        },
      }[kind],
    );
  }
  return underLoad(server, calls);
}

/** better-auth's variant for reads: its password hash is not what is measured. */
export const cheapHash = { bcryptCost: setUpCost } satisfies BetterAuthVariant;

/** Auth.js on Express, with a cookie for each connection. */
export async function startAuthJs(
  bench: Bench,
  kind: 'read' | 'sign-in',
  cost = setUpCost,
): Promise<Subject> {
  const count = kind === 'sign-in' ? signInConnections : connections;
  const args = [String(cost), String(count)];
  const server = await bench.start('auth-js.js', { args, env: production });
  const calls: Call[] = [];
  for (const email of addresses(count)) {
    // A sign-in needs a token against forged requests, from a cookie and in the form.
    const csrf = await fetch(`${server.url}/auth/csrf`);
    const { csrfToken } = (await csrf.json()) as { csrfToken: string };
    // Where to go on: it stands in the answer to a sign-in that succeeds, and to no other.
    const form = new URLSearchParams({ email, password, csrfToken, callbackUrl: `/?of=${email}` });
    const signIn: Call = {
      method: 'POST',
      path: '/auth/callback/credentials',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'x-auth-return-redirect': '1',
        cookie: cookiesOf(csrf.headers.getSetCookie()),
      },
      body: String(form).replace('%40', '@'),
      shows: 'of=person-',
    };
    if (kind === 'sign-in') {
      calls.push(signIn);
      continue;
    }
    const { headers } = await send(server, signIn);
    const cookie = cookiesOf(headers.getSetCookie());
    calls.push({ method: 'GET', path: '/me', headers: { cookie } });
  }
  return underLoad(server, calls);
}

const pythonPackages = 'fastapi jose passlib uvicorn uvloop httptools multipart'.split(' ');

/** Where FastAPI is not installed as Debian has it: how to get it. */
export function findMissingFastApi(): string | null {
  const look = `import importlib.util, sys; sys.exit(not all(map(importlib.util.find_spec, sys.argv[1:])))`;
  const { status } = spawnSync('/usr/bin/python3', ['-c', look, ...pythonPackages]);
  if (status === 0) return null;
  return `FastAPI is not here: apt-get install ${pythonPackages.map((name) => `python3-${name}`).join(' ')}`;
}

/** FastAPI's tutorial, with a token for each connection. */
export async function startFastApi(
  bench: Bench,
  kind: 'read' | 'sign-in',
  cost = setUpCost,
): Promise<Subject> {
  const count = kind === 'sign-in' ? signInConnections : connections;
  const server = await bench.start('fastapi.ts', { args: [String(cost), String(count)] });
  const calls: Call[] = [];
  for (const email of addresses(count)) {
    const signIn: Call = {
      method: 'POST',
      path: '/token',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: String(new URLSearchParams({ username: email, password })),
      shows: 'access_token',
    };
    if (kind === 'sign-in') {
      calls.push(signIn);
      continue;
    }
    const answer = (await (await send(server, signIn)).json()) as { access_token: string };
    calls.push({ method: 'GET', path: '/users/me/', headers: bearer(answer.access_token) });
  }
  return underLoad(server, calls);
}

/** Others run as in production; Latchkey then refuses to run without its limits. */
export const production = { NODE_ENV: 'production' };

function bearer(token: string): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${token}` };
}

function cookiesOf(setCookies: readonly string[]): string {
  return setCookies.map((cookie) => cookie.split(';', 1)[0]).join('; ');
}

async function get(server: ServerProcess, call: Call | undefined): Promise<string> {
  const response = await fetch(`${server.url}${call?.path}`, { headers: call?.headers ?? {} });
  return response.text();
}

async function post(server: ServerProcess, path: string, body: object): Promise<Response> {
  // better-auth refuses what Node's fetch sends without one.
  const headers = { ...json, ...(server.url !== null && { origin: server.url }) };
  return send(server, { method: 'POST', path, headers, body: JSON.stringify(body) });
}

async function send(server: ServerProcess, call: Call): Promise<Response> {
  const { method, path, headers, body } = call;
  const response = await fetch(`${server.url}${path}`, { method, headers, body: body ?? null });
  const { ok, status } = response;
  if (!ok) throw new RefusedRun(`The run is refused: ${path} answered ${status}.`);
  return response;
}
