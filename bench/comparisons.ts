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
  /** Ours first. */
  start(bench: Bench): Promise<readonly [Subject, Subject]>;
}

/** @param cost of the bcrypt hashes that signing in checks */
export function createRows(cost: number): readonly Row[] {
  async function reads(bench: Bench, other: 'bare-http.ts' | 'open-query.ts') {
    const latchkey = await startLatchkey(bench);
    const theirs = await startStandIn(bench, other, latchkey);
    return [underLoad(latchkey.server, readsOfMe(latchkey)), theirs] as const;
  }

  async function readsBesideBetterAuth(bench: Bench, session: object) {
    const latchkey = await startLatchkey(bench);
    const variant = { ...cheapHash, session };
    const theirs = await startBetterAuth(bench, { kind: 'session', variant });
    return [underLoad(latchkey.server, readsOfMe(latchkey)), theirs] as const;
  }

  async function refreshing(bench: Bench, theirs: () => Promise<Subject>) {
    // Twice as many people as refresh: the others' sessions are for what works on the file itself.
    const latchkey = await startLatchkey(bench, { people: 2 * connections });
    return [underLoad(latchkey.server, refreshes(latchkey)), await theirs()] as const;
  }

  async function signingIn(bench: Bench, theirs: () => Promise<Subject>) {
    const options = { people: signInConnections, bcryptCost: cost };
    const latchkey = await startLatchkey(bench, options);
    return [underLoad(latchkey.server, signIns(latchkey)), await theirs()] as const;
  }

  return [
    {
      figure: 'user.me',
      beside: 'open query, tRPC standalone',
      how: 'the same call on @trpc/server’s own standalone adapter, open, answering the same JSON',
      start: (bench) => reads(bench, 'open-query.ts'),
    },
    {
      figure: 'user.me',
      beside: 'node:http, same JSON',
      how: 'the same bytes written by node:http, whatever is asked',
      start: (bench) => reads(bench, 'bare-http.ts'),
    },
    {
      figure: 'user.me',
      beside: 'better-auth get-session',
      how: 'both verify the credential and read the session from the database at every call',
      start: (bench) => readsBesideBetterAuth(bench, {}),
    },
    {
      figure: 'user.me',
      beside: 'better-auth, cookie cache',
      how: 'better-auth with session.cookieCache: it does not look whether the session was revoked; Latchkey does',
      start: (bench) =>
        readsBesideBetterAuth(bench, { cookieCache: { enabled: true, maxAge: 300 } }),
    },
    {
      figure: 'auth.refresh',
      beside: 'itself, no database',
      how: 'the same server; findSession and rotateSession of its store work on a Map, with the same guard',
      start: (bench) =>
        refreshing(bench, async () => {
          const latchkey = await startLatchkey(bench, { withoutDatabase: true });
          return underLoad(latchkey.server, refreshes(latchkey));
        }),
    },
    {
      figure: 'auth.refresh',
      beside: 'raw commits, same file',
      how: 'one guarded UPDATE a commit on the same table of the same file, by better-sqlite3 alone, synchronous=FULL',
      start: (bench) => refreshing(bench, () => startRawCommits(bench)),
    },
    {
      figure: 'auth.refresh',
      beside: 'better-auth, renewing',
      how: 'the nearest that better-auth has: get-session with session.updateAge 0, which writes the session and the cookie; it rotates and signs nothing',
      start: (bench) =>
        refreshing(bench, () =>
          startBetterAuth(bench, {
            kind: 'session',
            variant: { ...cheapHash, session: { updateAge: 0 } },
          }),
        ),
    },
    {
      figure: 'auth.login',
      beside: `raw bcrypt, cost ${cost}`,
      how: 'verifications by @node-rs/bcrypt alone, one after the other; at so few sign-ins a second the code around ours is not compiled yet',
      start: (bench) => signingIn(bench, () => startRawBcrypt(bench, cost)),
    },
    {
      figure: 'auth.login',
      beside: `better-auth, bcrypt ${cost}`,
      how: 'better-auth with the same bcrypt at the same cost in place of its own hash',
      start: (bench) =>
        signingIn(bench, () =>
          startBetterAuth(bench, { kind: 'sign-in', variant: { bcryptCost: cost } }),
        ),
    },
    {
      figure: 'auth.login',
      beside: 'better-auth, own scrypt',
      how: 'better-auth as it comes; the hashes differ in cost, so this says nothing of the rest of the call',
      start: (bench) =>
        signingIn(bench, () => startBetterAuth(bench, { kind: 'sign-in', variant: {} })),
    },
  ];
}
