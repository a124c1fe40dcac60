import { underLoad, type Bench, type Subject } from './harness.ts';
import {
  cheapHash,
  connections,
  readsOfMe,
  refreshes,
  signInConnections,
  signIns,
  startBetterAuth,
  startLatchkey,
  startRawBcrypt,
  startRawCommits,
  startStandIn,
} from './subjects.ts';

/** One row of the table: something of ours beside something to judge it by. */
export interface Row {
  readonly figure: string;
  readonly beside: string;
  /** What is the same on both sides, and what is not. */
  readonly how: string;
  ours(): Promise<Subject>;
  theirs(): Promise<Subject>;
}

/** @param cost of the bcrypt hashes that signing in checks */
export function createRows(bench: Bench, cost: number): readonly Row[] {
  // Started when the first row wants it; the others of its kind go on with it.
  // Twice as many people as connections: the second half's sessions are for the raw commits.
  const latchkey = once(() => startLatchkey(bench, { people: 2 * connections }));
  const me = once(async () => underLoad((await latchkey()).server, readsOfMe(await latchkey())));
  const refresh = once(async () =>
    underLoad((await latchkey()).server, refreshes(await latchkey())),
  );
  const login = once(async () => {
    const options = { people: signInConnections, bcryptCost: cost };
    const signingIn = await startLatchkey(bench, options);
    return underLoad(signingIn.server, signIns(signingIn));
  });

  return [
    {
      figure: 'user.me',
      beside: 'open query, tRPC standalone',
      how: 'the same call on @trpc/server’s own standalone adapter, open, answering the same JSON',
      ours: me,
      theirs: async () => startStandIn(bench, 'open-query.ts', await latchkey()),
    },
    {
      figure: 'user.me',
      beside: 'node:http, same JSON',
      how: 'the same bytes written by node:http, whatever is asked',
      ours: me,
      theirs: async () => startStandIn(bench, 'bare-http.ts', await latchkey()),
    },
    {
      figure: 'user.me',
      beside: 'better-auth get-session',
      how: 'both verify the credential and read the session from the database at every call',
      ours: me,
      theirs: () => startBetterAuth(bench, 'session', cheapHash),
    },
    {
      figure: 'user.me',
      beside: 'better-auth, cookie cache',
      how: 'better-auth with session.cookieCache: it does not look whether the session was revoked; Latchkey does',
      ours: me,
      theirs: () =>
        startBetterAuth(bench, 'session', {
          ...cheapHash,
          session: { cookieCache: { enabled: true, maxAge: 300 } },
        }),
    },
    {
      figure: 'auth.refresh',
      beside: 'itself, no database',
      how: 'the same server; findSession and rotateSession of its store work on a Map, with the same guard',
      ours: refresh,
      theirs: async () => {
        const inMemory = await startLatchkey(bench, { withoutDatabase: true });
        return underLoad(inMemory.server, refreshes(inMemory));
      },
    },
    {
      figure: 'auth.refresh',
      beside: 'raw commits, same file',
      how: 'one guarded UPDATE a commit on the same table of the same file, by better-sqlite3 alone, synchronous=FULL',
      ours: refresh,
      theirs: async () => startRawCommits(bench, await latchkey()),
    },
    {
      figure: 'auth.refresh',
      beside: 'better-auth, renewing',
      how: 'the nearest that better-auth has: get-session with session.updateAge 0, which writes the session and the cookie; it rotates and signs nothing',
      ours: refresh,
      theirs: () => startBetterAuth(bench, 'session', { ...cheapHash, session: { updateAge: 0 } }),
    },
    {
      figure: 'auth.login',
      beside: `raw bcrypt, cost ${cost}`,
      how: 'verifications by @node-rs/bcrypt alone, one after the other; at so few sign-ins a second the code around ours is not compiled yet',
      ours: login,
      theirs: () => startRawBcrypt(bench, cost),
    },
    {
      figure: 'auth.login',
      beside: `better-auth, bcrypt ${cost}`,
      how: 'better-auth with the same bcrypt at the same cost in place of its own hash',
      ours: login,
      theirs: () => startBetterAuth(bench, 'sign-in', { bcryptCost: cost }),
    },
    {
      figure: 'auth.login',
      beside: 'better-auth, own scrypt',
      how: 'better-auth as it comes; the hashes differ in cost, so this says nothing of the rest of the call',
      ours: login,
      theirs: () => startBetterAuth(bench, 'sign-in', {}),
    },
  ];
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
