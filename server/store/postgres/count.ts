import type { Steps, Store } from '../store.ts';
import { createTally, firstIdOf } from '../tally.ts';
import { and, eq, gt, gte, lt, sql } from './drizzle.ts';
import { auditEvents, sessions, users } from './schema.ts';
import { whereLive } from './statements.ts';
import type { Transactions } from './transactions.ts';

// Whatever is counted here may have millions of rows, and a statement may take five seconds. So it
// is done in bites of some milliseconds, each by an index that is there for something else.

/** Users of a bite: they are counted in an index. */
const usersInBite = 50_000;
/** Sessions of a bite: each row is read. */
const sessionsInBite = 5_000;
const eventsInBite = 1_000;

/** A revoked session may have been over before. */
const sessionEnd = sql`least(${sessions.idleExpiresAt}, coalesce(${sessions.revokedAt}, ${sessions.idleExpiresAt}))`;

type Counts = Pick<Store, 'countUsers' | 'countSessions' | 'countEvents'>;

export function createCounts({ db, run }: Transactions): Counts {
  /** Sessions of a bite, in the order of their ids, and what is to be known of them. */
  function countBite(
    after: string,
    { since, stepMs, count }: Steps,
  ): Promise<
    { size: number; last: string | null; live: number; started: number[]; ended: number[] }[]
  > {
    const now = since + stepMs * count;
    const bite = db
      .select()
      .from(sessions)
      .where(gt(sessions.id, after))
      .orderBy(sessions.id)
      .limit(sessionsInBite)
      .as('sessions');
    return db
      .select({
        size: sql`count(*)`.mapWith(Number),
        last: sql<string | null>`max(${bite.id})`,
        live: sql`count(*) FILTER (WHERE ${whereLive(now)})`.mapWith(Number),
        started: sql`array_agg(${sessions.createdAt})
          FILTER (WHERE ${sessions.createdAt} > ${since} AND ${sessions.createdAt} <= ${now})`.mapWith(
          toNumbers,
        ),
        ended: sql`array_agg(${sessionEnd})
          FILTER (WHERE ${sessionEnd} > ${since} AND ${sessionEnd} <= ${now})`.mapWith(toNumbers),
      })
      .from(bite);
  }

  return {
    async countUsers() {
      const [ends] = await run(() =>
        db
          .select({
            first: sql<string | null>`min(${users.number})`,
            last: sql<string | null>`max(${users.number})`,
          })
          .from(users),
      );
      if (ends?.first == null || ends.last === null) return 0;
      let counted = 0;
      for (let from = Number(ends.first); from <= Number(ends.last); from += usersInBite) {
        const isInBite = and(gte(users.number, from), lt(users.number, from + usersInBite));
        const [bite] = await run(() =>
          db
            .select({ count: sql`count(*)`.mapWith(Number) })
            .from(users)
            .where(isInBite),
        );
        counted += bite?.count ?? 0;
      }
      return counted;
    },

    async countSessions(steps) {
      const started = createTally(steps);
      const ended = createTally(steps);
      let live = 0;
      for (let after: string | null = ''; after !== null;) {
        const from: string = after;
        const [bite] = await run(() => countBite(from, steps));
        for (const at of bite?.started ?? []) started.add(at, 1);
        for (const at of bite?.ended ?? []) ended.add(at, 1);
        live += bite?.live ?? 0;
        after = bite?.size === sessionsInBite ? bite.last : null;
      }
      return { live, started: started.counts, ended: ended.counts };
    },

    async countEvents({ types, ...steps }) {
      const tally = createTally(steps);
      for (const type of types) {
        let after = firstIdOf(steps.since);
        for (let size = eventsInBite; size === eventsInBite;) {
          const bite = await run(() =>
            db
              .select({ id: auditEvents.id, at: auditEvents.at, detail: auditEvents.detail })
              .from(auditEvents)
              .where(and(eq(auditEvents.type, type), gt(auditEvents.id, after)))
              .orderBy(auditEvents.id)
              .limit(eventsInBite),
          );
          for (const { at, detail } of bite) tally.add(at, Number(detail['leftOut'] ?? 1));
          size = bite.length;
          after = bite.at(-1)?.id ?? after;
        }
      }
      return tally.counts;
    },
  };
}

/** The driver leaves numbers of 64 bits as they are written. */
function toNumbers(values: readonly string[]): number[] {
  return values.map(Number);
}
