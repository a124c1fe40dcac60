import { setImmediate as turnOfEventLoop } from 'node:timers/promises';
import type { SQL } from 'drizzle-orm';
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import { userStatuses } from '../../../shared/schemas.ts';
import type { Store } from '../store.ts';
import { createTally, firstIdOf } from '../tally.ts';
import { and, eq, gt, inArray, sql } from './drizzle.ts';
import type { LockLine } from './lock-line.ts';
import { auditEvents, sessions, users } from './schema.ts';

// Whatever is counted here may have millions of rows, and SQLite's count holds the event loop
// until it is done. So it is done in bites of a millisecond or two, and everything else has its
// turn between two of them. No index serves it alone: each would cost every sign-in or refresh.

/** Users of a bite: they are counted in an index. */
const usersInBite = 20_000;
/** Sessions of a bite: each row is read. */
const sessionsInBite = 2_000;
const eventsInBite = 1_000;

/** By SQLite's own number of a row. */
const isInBite = sql`rowid > ${sql.placeholder('after')} AND rowid <= ${sql.placeholder('upTo')}`;
/** A revoked session may have been over before. */
const sessionEnd = sql<number>`min(${sessions.idleExpiresAt}, coalesce(${sessions.revokedAt}, ${sessions.idleExpiresAt}))`;

interface Ends {
  readonly first: number | null;
  readonly last: number | null;
}

type Counts = Pick<Store, 'countUsers' | 'countSessions' | 'countEvents'>;

/** @param whereLive what tells the sessions that are live at a time */
export function createCounts(
  db: BetterSQLite3Database,
  read: LockLine,
  whereLive: (now: number) => SQL | undefined,
): Counts {
  /** Calls `count` for each bite of the numbers of a table's rows. */
  async function inBites(
    table: typeof users | typeof sessions,
    size: number,
    count: (bite: { readonly after: number; readonly upTo: number }) => void,
  ): Promise<void> {
    const ends = sql`SELECT (SELECT min(rowid) FROM ${table}) AS first, (SELECT max(rowid) FROM ${table}) AS last`;
    const { first, last } = await read(() => db.get<Ends>(ends));
    if (first === null || last === null) return;
    for (let after = first - 1; after < last; after += size) {
      const bite = { after, upTo: after + size };
      await read(() => count(bite));
      await turnOfEventLoop();
    }
  }

  return {
    async countUsers() {
      const bite = db
        .select({ count: sql<number>`count(*)` })
        .from(users)
        // By the statuses, of which there is an index: a small part of what the table is.
        .where(and(inArray(users.status, [...userStatuses]), isInBite))
        .prepare();
      let counted = 0;
      await inBites(users, usersInBite, (ends) => {
        counted += bite.get(ends)?.count ?? 0;
      });
      return counted;
    },

    async countSessions(steps) {
      const { since } = steps;
      const now = since + steps.stepMs * steps.count;
      const bite = db
        .select({
          live: sql<number>`count(*) FILTER (WHERE ${whereLive(now)})`,
          started: sql<string>`json_group_array(${sessions.createdAt})
            FILTER (WHERE ${sessions.createdAt} > ${since})`,
          ended: sql<string>`json_group_array(${sessionEnd})
            FILTER (WHERE ${sessionEnd} > ${since} AND ${sessionEnd} <= ${now})`,
        })
        .from(sessions)
        .where(isInBite)
        .prepare();
      const started = createTally(steps);
      const ended = createTally(steps);
      let live = 0;
      await inBites(sessions, sessionsInBite, (ends) => {
        const counted = bite.get(ends);
        if (!counted) return;
        live += counted.live;
        for (const at of JSON.parse(counted.started) as number[]) started.add(at, 1);
        for (const at of JSON.parse(counted.ended) as number[]) ended.add(at, 1);
      });
      return { live, started: started.counts, ended: ended.counts };
    },

    async countEvents({ types, ...steps }) {
      const tally = createTally(steps);
      for (const type of types) {
        let after = firstIdOf(steps.since);
        for (let size = eventsInBite; size === eventsInBite;) {
          const bite = await read(() =>
            db
              .select({
                id: auditEvents.id,
                at: auditEvents.at,
                count: sql<number>`coalesce(${auditEvents.detail} ->> '$.leftOut', 1)`,
              })
              .from(auditEvents)
              .where(and(eq(auditEvents.type, type), gt(auditEvents.id, after)))
              .orderBy(auditEvents.id)
              .limit(eventsInBite)
              .all(),
          );
          for (const { at, count } of bite) tally.add(at, count);
          size = bite.length;
          after = bite.at(-1)?.id ?? after;
          await turnOfEventLoop();
        }
      }
      return tally.counts;
    },
  };
}
