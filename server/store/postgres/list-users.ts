import type { SQL } from 'drizzle-orm';
import type { UserRecord } from '../../../shared/records.ts';
import { foldForSearch } from '../search-text.ts';
import type { Store, UserQuery } from '../store.ts';
import { and, desc, eq, gte, lt, lte, sql } from './drizzle.ts';
import { userColumns, users } from './schema.ts';
import type { Transactions } from './transactions.ts';

/**
 * So many users are searched in one statement: at first, and at most. Each that follows searches
 * four times as many. Where no index of trigrams helps, it looks at each of them, a million in
 * about a second.
 */
const bite = { first: 100_000, growth: 4, most: 1_600_000 } as const;

/** Pages of users, newest first. */
export function createUserList({ db, run }: Transactions): Store['listUsers'] {
  /** The number below which the page begins. */
  async function startOf(cursor: string | undefined): Promise<number> {
    const [nearest] = await run(() =>
      db
        .select({ id: users.id, number: users.number })
        .from(users)
        .where(cursor === undefined ? undefined : lte(users.id, cursor))
        .orderBy(desc(cursor === undefined ? users.number : users.id))
        .limit(1),
    );
    if (!nearest) return 0;
    // The user of the cursor may be deleted: the page goes on with whoever came before.
    return nearest.id === cursor ? nearest.number : nearest.number + 1;
  }

  function list(where: SQL | undefined, limit: number): Promise<UserRecord[]> {
    return run(() =>
      db.select(userColumns).from(users).where(where).orderBy(desc(users.number)).limit(limit),
    );
  }

  return async ({ search = '', cursor, limit, ...query }: UserQuery) => {
    const filters = matches(query);
    const folded = foldForSearch(search);
    if (folded === '') {
      const below = cursor === undefined ? undefined : lt(users.number, await startOf(cursor));
      return list(and(below, filters), limit);
    }
    // No text of PostgreSQL holds U+0000, and it takes none to compare with.
    if (folded.includes('\0')) return [];
    const sought = and(filters, contains(folded));
    const page: UserRecord[] = [];
    let below = await startOf(cursor);
    for (let size: number = bite.first; below > 0 && page.length < limit;) {
      const isInBite = and(lt(users.number, below), gte(users.number, below - size));
      page.push(...(await list(and(isInBite, sought), limit - page.length)));
      below -= size;
      size = Math.min(size * bite.growth, bite.most);
    }
    return page;
  };
}

function matches({ role, status }: Pick<UserQuery, 'role' | 'status'>): SQL | undefined {
  return and(
    role === undefined ? undefined : eq(users.role, role),
    status === undefined ? undefined : eq(users.status, status),
  );
}

function contains(folded: string): SQL {
  const pattern = `%${folded.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
  return sql`${users.searchText} LIKE ${pattern}`;
}
