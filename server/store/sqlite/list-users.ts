import { setImmediate as turnOfEventLoop } from 'node:timers/promises';
import type { SQL } from 'drizzle-orm';
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import type { UserRecord } from '../../../shared/records.ts';
import { foldForSearch } from '../search-text.ts';
import type { Store, UserQuery } from '../store.ts';
import { and, desc, eq, gte, integer, lt, lte, sql, sqliteTable, text } from './drizzle.ts';
import type { LockLine } from './lock-line.ts';
import { userColumns, users } from './schema.ts';

/** So many users are looked at before everything else has its turn: a millisecond or two. */
const biteSize = 1_000;
/** Whom the index names at once; more than a page, as some are not meant. */
const namedAtOnce = 250;
/** Users by whom it is guessed how common three characters are. */
const sampleSize = 100;
/** Three characters that more of them have are not asked for: each who has them costs a step. */
const mostInSample = 20;
/** More of them leave out hardly anybody, and each has to be read. */
const trigramsAsked = 3;

/** The index of trigrams, which a migration makes: it is no table that drizzle could make. */
const usersSearch = sqliteTable('users_search', {
  number: integer('rowid').notNull(),
  /** Stands for the whole of it before MATCH. */
  match: text('users_search').notNull(),
});

/** Pages of users, newest first. */
export function createUserList(db: BetterSQLite3Database, read: LockLine): Store['listUsers'] {
  const nearestUser = db
    .select({ id: users.id, number: users.number })
    .from(users)
    .where(lte(users.id, sql`+${sql.placeholder('id')}`))
    .orderBy(desc(users.id))
    .limit(1)
    .prepare();
  /** The number below which the page begins. */
  function startOf({ cursor }: UserQuery): number {
    if (cursor === undefined) return Number.MAX_SAFE_INTEGER;
    const nearest = nearestUser.get({ id: cursor });
    if (nearest === undefined) return 0;
    // The user of the cursor may be deleted: the page goes on with whoever came before.
    return nearest.id === cursor ? nearest.number : nearest.number + 1;
  }

  /** By an index of the filters, down to the number `from`. */
  function usersBelow(
    below: number,
    { limit, ...query }: UserQuery,
    { from, contains }: { from?: number; contains?: SQL } = {},
  ): UserRecord[] {
    const isInBite = from === undefined ? undefined : gte(users.number, from);
    return db
      .select(userColumns)
      .from(users)
      .where(and(lt(users.number, below), isInBite, matches(query), contains))
      .orderBy(desc(users.number))
      .limit(limit)
      .all();
  }

  /** Where the next bite of the users that the filters leave ends; 0 for the last one. */
  function endOfBite(below: number, query: UserQuery): number {
    const end = db
      .select({ number: users.number })
      .from(users)
      .where(and(lt(users.number, below), matches(query)))
      .orderBy(desc(users.number))
      .limit(1)
      .offset(biteSize - 1)
      .get();
    return end?.number ?? 0;
  }

  /** The rarest first, as far as those tell who are evenly spread below a number. */
  function findRare(trigrams: readonly string[], below: number): readonly string[] {
    const numbers = Array.from({ length: sampleSize }, (_, index) =>
      Math.floor((below * (index + 0.5)) / sampleSize),
    );
    const texts = db
      .select({ text: users.searchText })
      .from(users)
      .where(isAmong(numbers))
      .all()
      .map(({ text }) => text);
    return trigrams
      .map((trigram) => ({ trigram, count: texts.filter((each) => each.includes(trigram)).length }))
      .filter(({ count }) => count <= mostInSample)
      .toSorted((one, other) => one.count - other.count)
      .map(({ trigram }) => trigram);
  }

  /** A bite of the users who have all of these somewhere. */
  function numbersOf(trigrams: readonly string[], below: number): readonly number[] {
    const query = trigrams.map((each) => `"${each.replaceAll('"', '""')}"`).join(' AND ');
    return (
      db
        .select({ number: usersSearch.number })
        .from(usersSearch)
        // FTS5 takes bounds that are integers alone, and better-sqlite3 gives every number as a float.
        .where(
          sql`${usersSearch.match} MATCH ${query} AND ${usersSearch.number} < CAST(${below} AS INTEGER)`,
        )
        .orderBy(desc(usersSearch.number))
        .limit(namedAtOnce)
        .all()
        .map(({ number }) => number)
    );
  }

  function usersOf(
    numbers: readonly number[],
    { limit, role, status }: UserQuery,
    contains: SQL,
  ): UserRecord[] {
    return db
      .select(userColumns)
      .from(users)
      .where(
        and(
          isAmong(numbers),
          // Not by an index of the filters, which may leave a million.
          role === undefined ? undefined : sql`+${users.role} = ${role}`,
          status === undefined ? undefined : sql`+${users.status} = ${status}`,
          contains,
        ),
      )
      .orderBy(desc(users.number))
      .limit(limit)
      .all();
  }

  /** By looking through all whom the filters leave. */
  function findAmongAll(below: number, query: UserQuery, { contains }: Sought): Found {
    const from = endOfBite(below, query);
    return { found: usersBelow(below, query, { from, contains }), from };
  }

  /** By what is rare in the text; what has nothing rare is with many, or nowhere. */
  function findByIndex(below: number, query: UserQuery, sought: Sought): Found {
    const rare = findRare(sought.trigrams, below).slice(0, trigramsAsked);
    if (rare.length === 0) return findAmongAll(below, query, sought);
    const numbers = numbersOf(rare, below);
    const found = usersOf(numbers, query, sought.contains);
    return { found, from: numbers[namedAtOnce - 1] ?? 0 };
  }

  return async (query) => {
    const folded = foldForSearch(query.search ?? '');
    let below = await read(() => startOf(query));
    if (folded === '') return read(() => usersBelow(below, query));
    const sought = {
      contains: sql`instr(${users.searchText}, ${folded}) > 0`,
      trigrams: trigramsOf(folded),
    };
    const page: UserRecord[] = [];
    // What many have is found among the newest sooner than by the index.
    for (let find = findAmongAll; ; find = findByIndex) {
      const rest = { ...query, limit: query.limit - page.length };
      const { found, from } = await read(() => find(below, rest, sought));
      page.push(...found);
      if (page.length === query.limit || from === 0) return page;
      below = from;
      await turnOfEventLoop();
    }
  };
}

/** A folded text: as it is proven, and by what the index finds it. */
interface Sought {
  readonly contains: SQL;
  readonly trigrams: readonly string[];
}

/** Users of one bite, and the number at which it ends. */
interface Found {
  readonly found: readonly UserRecord[];
  readonly from: number;
}

function isAmong(numbers: readonly number[]): SQL {
  return sql`${users.number} IN (SELECT value FROM json_each(${JSON.stringify(numbers)}))`;
}

function matches({ role, status }: Pick<UserQuery, 'role' | 'status'>): SQL | undefined {
  return and(
    role === undefined ? undefined : eq(users.role, role),
    status === undefined ? undefined : eq(users.status, status),
  );
}

/** None of a text that has less than three characters. */
function trigramsOf(folded: string): readonly string[] {
  const characters = Array.from(folded);
  const all = characters.slice(2).map((_, at) => characters.slice(at, at + 3).join(''));
  return [...new Set(all)];
}
