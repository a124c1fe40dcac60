import type { Goal } from './goals.ts';
import type { Bench, Subject } from './harness.ts';
import {
  cheapHash,
  connections,
  findMissingFastApi,
  loadOf,
  readsWithNewTokens,
  signInConnections,
  startAuthJs,
  startBetterAuth,
  startFastApi,
  startLatchkey,
  startMounted,
  startPeer,
  startRawBcrypt,
  startRawCommits,
  startReadsAndChecks,
  startStandIn,
} from './subjects.ts';

/** One row of the table: something of ours beside something to judge it by. */
export interface Row {
  readonly figure: string;
  readonly beside: string;
  /** What bounds the figure, or somebody else’s work that does the same. */
  readonly kind: 'bound' | 'peer';
  /** What is the same on both sides, and what is not. */
  readonly how: string;
  readonly goals: readonly Goal[];
  /** Kept for the rows that follow. */
  ours(): Promise<Subject>;
  /** Made for this row alone. */
  theirs(): Promise<Subject>;
}

/** Before sign-ins are measured: they are so few a second that code would not be compiled by then. */
const signInsBefore = 60;
/** What a run that is to mean something has more of. */
export interface Amounts {
  /** Of the bcrypt hashes that signing in checks. */
  readonly cost: number;
  /** Tokens that come in turn: too many for Latchkey to remember that it has verified them. */
  readonly newTokens: number;
}

export function createRows(bench: Bench, { cost, newTokens }: Amounts): readonly Row[] {
  return [
    ...createReads(bench, newTokens),
    ...createRefreshes(bench),
    ...createSignIns(bench, cost),
  ];
}

function createReads(bench: Bench, newTokens: number): Row[] {
  // Started when the first row wants it; the others of its kind go on with it.
  const latchkey = once(() => startLatchkey(bench, {}));
  const me = once(async () => loadOf(await latchkey(), 'read'));
  // Refreshing makes the tokens; how durably is not what is measured.
  const ofNewTokens = once(() => startLatchkey(bench, { flag: '--synchronous-normal' }));

  const rows: Row[] = [
    {
      figure: 'user.me',
      beside: 'open query, tRPC standalone',
      kind: 'bound',
      how: 'the same call on @trpc/server’s own standalone adapter, open, answering the same JSON',
      goals: [atLeast(3, 'user.me beside an open query on tRPC’s standalone adapter')],
      ours: me,
      theirs: async () => startStandIn(bench, 'open-query.ts', await latchkey()),
    },
    {
      figure: 'user.me',
      beside: 'node:http, same JSON',
      kind: 'bound',
      how: 'the same bytes written by node:http, whatever is asked',
      goals: [atLeast(0.4, 'user.me beside node:http with the same JSON')],
      ours: me,
      theirs: async () => startStandIn(bench, 'bare-http.ts', await latchkey()),
    },
    {
      figure: 'user.me, mounted',
      beside: 'open query, same adapter',
      kind: 'bound',
      how: 'Latchkey’s routers and context in a host’s router on tRPC’s standalone adapter, beside an open query there',
      goals: [atLeast(0.85, 'user.me on the host’s own adapter beside its open query')],
      ours: once(async () => loadOf(await startMounted(bench), 'read')),
      theirs: async () => startStandIn(bench, 'open-query.ts', await latchkey()),
    },
    {
      figure: 'user.me, new token',
      beside: 'known token + raw check',
      kind: 'bound',
      how: `${newTokens} tokens in turn, more than the verified ones that are remembered, beside the same call with a known token and one check of an Ed25519 signature by node:crypto`,
      goals: [
        {
          what: 'the first call with a new token beside a later one and a raw check of a signature',
          of: 'processor',
          bound: { atMost: 1.1 },
        },
      ],
      ours: once(async () => readsWithNewTokens(await ofNewTokens(), newTokens)),
      theirs: async () => startReadsAndChecks(bench, loadOf(await ofNewTokens(), 'read')),
    },
    {
      figure: 'user.me',
      beside: 'Fastify, @fastify/jwt, cache',
      kind: 'peer',
      how: 'HS256 with the plugin’s cache of verified tokens, session read by a prepared statement',
      goals: [atLeast(1.2, 'user.me beside Fastify with @fastify/jwt and its cache')],
      ours: me,
      theirs: () => startPeer(bench, 'read', { file: 'fastify.ts', args: ['cache'] }),
    },
    {
      figure: 'user.me',
      beside: 'Fastify, @fastify/jwt',
      kind: 'peer',
      how: 'the same as it comes, without the cache',
      goals: [ahead('user.me', 'Fastify with @fastify/jwt')],
      ours: me,
      theirs: () => startPeer(bench, 'read', { file: 'fastify.ts' }),
    },
    {
      figure: 'user.me',
      beside: 'Express, jsonwebtoken',
      kind: 'peer',
      how: 'HS256, session read by a prepared statement',
      goals: [ahead('user.me', 'Express with jsonwebtoken')],
      ours: me,
      theirs: () => startPeer(bench, 'read', { file: 'express.ts' }),
    },
    {
      figure: 'user.me',
      beside: 'Auth.js, Express',
      kind: 'peer',
      how: 'getSession of @auth/express; passwords there mean an encrypted JWT, so it reads no session and cannot revoke one',
      goals: [ahead('user.me', 'Auth.js on Express')],
      ours: me,
      theirs: () => startAuthJs(bench, 'read'),
    },
    {
      figure: 'user.me',
      beside: 'FastAPI, python-jose',
      kind: 'peer',
      how: 'FastAPI’s tutorial: HS256, users in a dictionary, no session to read; one uvicorn worker with uvloop and httptools',
      goals: [atLeast(6, 'user.me beside FastAPI’s tutorial')],
      ours: me,
      theirs: () => startFastApi(bench, 'read'),
    },
    {
      figure: 'user.me',
      beside: 'jose, drizzle, tRPC standalone',
      kind: 'peer',
      how: 'the usual way with tRPC: jose with HS256 and drizzle’s queries, unprepared, at every call',
      goals: [ahead('user.me', 'jose and drizzle on tRPC’s standalone adapter')],
      ours: me,
      theirs: () => startPeer(bench, 'read', { file: 'usual-way.ts' }),
    },
    {
      figure: 'user.me',
      beside: 'better-auth get-session',
      kind: 'peer',
      how: 'both verify the credential and read the session from the database at every call',
      goals: [atLeast(15, 'user.me beside better-auth')],
      ours: me,
      theirs: () => startBetterAuth(bench, 'session', cheapHash),
    },
    {
      figure: 'user.me',
      beside: 'better-auth, cookie cache',
      kind: 'peer',
      how: 'better-auth with session.cookieCache: it does not look whether the session was revoked; Latchkey does',
      goals: [atLeast(15, 'user.me beside better-auth with its cookie cache')],
      ours: me,
      theirs: () =>
        startBetterAuth(bench, 'session', {
          ...cheapHash,
          session: { cookieCache: { enabled: true, maxAge: 300 } },
        }),
    },
    {
      figure: 'user.me',
      beside: 'tRPC over better-auth',
      kind: 'peer',
      how: 'better-auth as applications with tRPC have it: the bearer plugin, and getSession in a middleware of user.me',
      goals: [atLeast(30, 'user.me beside tRPC over better-auth')],
      ours: me,
      theirs: () => startBetterAuth(bench, 'user.me', { ...cheapHash, withTrpc: true }),
    },
  ];
  return rows.filter(isHere);
}

function createRefreshes(bench: Bench): Row[] {
  // Twice as many people as connections: the second half's sessions are for the raw commits.
  const latchkey = once(() => startLatchkey(bench, { people: 2 * connections }));
  const refresh = once(async () => loadOf(await latchkey(), 'refresh'));
  const withoutDatabase = async () =>
    loadOf(await startLatchkey(bench, { flag: '--without-database' }), 'refresh');

  return [
    {
      figure: 'auth.refresh',
      beside: 'itself, no database',
      kind: 'bound',
      how: 'the same server; findSession and rotateSession of its store work on a Map, with the same guard',
      goals: [atLeast(0.75, 'auth.refresh beside itself without a database')],
      ours: refresh,
      theirs: withoutDatabase,
    },
    {
      figure: 'auth.refresh, NORMAL',
      beside: 'itself, no database',
      kind: 'bound',
      how: 'the store opened with synchronous=NORMAL, which Latchkey has no setting for, beside the same',
      goals: [atLeast(0.9, 'auth.refresh at synchronous=NORMAL beside itself without a database')],
      ours: once(async () =>
        loadOf(await startLatchkey(bench, { flag: '--synchronous-normal' }), 'refresh'),
      ),
      theirs: withoutDatabase,
    },
    {
      figure: 'auth.refresh',
      beside: 'raw commits, same file',
      kind: 'bound',
      how: 'one guarded UPDATE a commit on the same table of the same file, by better-sqlite3 alone, synchronous=FULL',
      goals: [],
      ours: refresh,
      theirs: async () => startRawCommits(bench, await latchkey()),
    },
    {
      figure: 'auth.refresh, HS256',
      beside: 'jose, drizzle, tRPC standalone',
      kind: 'bound',
      how: 'both sign with HS256; the usual way: a table of refresh tokens, drizzle unprepared, one transaction',
      goals: [atLeast(20, 'auth.refresh beside the usual way, both with HS256')],
      ours: once(async () => loadOf(await startLatchkey(bench, { algorithm: 'HS256' }), 'refresh')),
      theirs: () => startPeer(bench, 'refresh', { file: 'usual-way.ts' }),
    },
    {
      figure: 'auth.refresh',
      beside: 'jose, drizzle, tRPC standalone',
      kind: 'peer',
      how: 'the same, but Latchkey signs with Ed25519, its default, which costs more than HS256',
      goals: [ahead('auth.refresh', 'jose and drizzle on tRPC’s standalone adapter')],
      ours: refresh,
      theirs: () => startPeer(bench, 'refresh', { file: 'usual-way.ts' }),
    },
    {
      figure: 'auth.refresh',
      beside: 'Fastify, @fastify/jwt',
      kind: 'peer',
      how: 'refresh tokens hashed and rotated by one prepared UPDATE in autocommit, HS256',
      goals: [ahead('auth.refresh', 'Fastify with @fastify/jwt')],
      ours: refresh,
      theirs: () => startPeer(bench, 'refresh', { file: 'fastify.ts' }),
    },
    {
      figure: 'auth.refresh',
      beside: 'Express, jsonwebtoken',
      kind: 'peer',
      how: 'the same on Express',
      goals: [ahead('auth.refresh', 'Express with jsonwebtoken')],
      ours: refresh,
      theirs: () => startPeer(bench, 'refresh', { file: 'express.ts' }),
    },
    {
      figure: 'auth.refresh',
      beside: 'better-auth, renewing',
      kind: 'peer',
      how: 'the nearest that better-auth has: get-session with session.updateAge 0, which writes the session and the cookie; it rotates and signs nothing',
      goals: [ahead('auth.refresh', 'better-auth that renews')],
      ours: refresh,
      theirs: () => startBetterAuth(bench, 'session', { ...cheapHash, session: { updateAge: 0 } }),
    },
  ];
}

function createSignIns(bench: Bench, cost: number): Row[] {
  const login = once(async () =>
    warm(
      loadOf(
        await startLatchkey(bench, { people: signInConnections, bcryptCost: cost }),
        'sign-in',
      ),
    ),
  );
  const hashing = `bcrypt ${cost}`;

  const rows: Row[] = [
    {
      figure: 'auth.login',
      beside: `raw ${hashing}`,
      kind: 'bound',
      how: 'verifications by @node-rs/bcrypt alone, one after the other',
      goals: [
        {
          what: 'auth.login beside raw bcrypt of the same cost, processor time',
          of: 'processor',
          bound: { atMost: 1.02 },
        },
        atLeast(0.9, 'sign-ins a second, one after the other, beside raw bcrypt on the same core'),
      ],
      ours: login,
      theirs: () => startRawBcrypt(bench, cost),
    },
    {
      figure: 'auth.login',
      beside: `better-auth, ${hashing}`,
      kind: 'peer',
      how: 'better-auth with the same bcrypt at the same cost in place of its own hash',
      goals: [noDearer('better-auth')],
      ours: login,
      theirs: async () => warm(await startBetterAuth(bench, 'sign-in', { bcryptCost: cost })),
    },
    {
      figure: 'auth.login',
      beside: 'better-auth, own scrypt',
      kind: 'peer',
      how: 'better-auth as it comes; the hashes differ in cost, so this says nothing of the rest of the call',
      goals: [],
      ours: login,
      theirs: () => startBetterAuth(bench, 'sign-in', {}),
    },
    {
      figure: 'auth.login',
      beside: `Fastify, ${hashing}`,
      kind: 'peer',
      how: 'the same bcrypt at the same cost, a session inserted by a prepared statement, HS256',
      goals: [noDearer('Fastify')],
      ours: login,
      theirs: async () => warm(await startPeer(bench, 'sign-in', { file: 'fastify.ts', cost })),
    },
    {
      figure: 'auth.login',
      beside: `Express, ${hashing}`,
      kind: 'peer',
      how: 'the same on Express',
      goals: [noDearer('Express')],
      ours: login,
      theirs: async () => warm(await startPeer(bench, 'sign-in', { file: 'express.ts', cost })),
    },
    {
      figure: 'auth.login',
      beside: `tRPC standalone, ${hashing}`,
      kind: 'peer',
      how: 'the usual way with tRPC: the same bcrypt, drizzle unprepared, jose with HS256',
      goals: [noDearer('jose and drizzle on tRPC’s standalone adapter')],
      ours: login,
      theirs: async () => warm(await startPeer(bench, 'sign-in', { file: 'usual-way.ts', cost })),
    },
    {
      figure: 'auth.login',
      beside: `Auth.js, ${hashing}`,
      kind: 'peer',
      how: 'the credentials provider with the same bcrypt, users in a Map; no session is written',
      goals: [noDearer('Auth.js')],
      ours: login,
      theirs: async () => warm(await startAuthJs(bench, 'sign-in', cost)),
    },
    {
      figure: 'auth.login',
      beside: `FastAPI, ${hashing}`,
      kind: 'peer',
      how: 'FastAPI’s tutorial: passlib on Debian’s bcrypt at the same cost, users in a dictionary; no session is written',
      goals: [noDearer('FastAPI’s tutorial')],
      ours: login,
      theirs: () => startFastApi(bench, 'sign-in', cost),
    },
  ];
  return rows.filter(isHere);
}

async function warm(subject: Subject): Promise<Subject> {
  await subject.measure(signInsBefore);
  return subject;
}

function atLeast(times: number, what: string): Goal {
  return { what, of: 'rate', bound: { atLeast: times } };
}

function ahead(figure: string, peer: string): Goal {
  return atLeast(1, `${figure} beside ${peer}`);
}

/** Where both spend nearly all of it on the same hash, more than one per cent apart is noise. */
function noDearer(peer: string): Goal {
  return {
    what: `auth.login beside ${peer} at equal hash, processor time`,
    of: 'processor',
    bound: { atMost: 1.02 },
  };
}

/** Everything else is installed with the project. */
function isHere({ beside }: Row): boolean {
  return !beside.startsWith('FastAPI') || findMissingFastApi() === null;
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
