import type Database from 'better-sqlite3';
import type { LockLine } from './lock-line.ts';
import { toStoreError } from './sqlite-error.ts';

/** So many share a commit at most: about five milliseconds of the event loop. */
const maxTogether = 64;

/** Work to be committed, with whoever waits for it. */
interface Pending {
  readonly work: () => unknown;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** How one came out, to be told once all of them are durable. */
type Outcome = { readonly value: unknown } | { readonly error: unknown };

/** Runs synchronous work in a transaction that holds the write lock, and answers once it is durable. */
export type Commit = <T>(work: () => T) => Promise<T>;

/**
 * Lets the writes of one turn of the event loop share a transaction, because most of what a write
 * costs is the disk's answer to its commit. Each is a savepoint of its own: what throws is undone
 * alone, and what no commit has made durable is answered by nobody.
 */
export function createCommitGroup(database: Database.Database, inLine: LockLine): Commit {
  const inTransaction = database.transaction((work: () => unknown) => work());
  const pending: Pending[] = [];

  function flush(): void {
    const group = pending.splice(0, maxTogether);
    if (pending.length > 0) setImmediate(flush);
    // Held by another process: it is tried again as a whole, and nothing of it has been done.
    inLine(() => inTransaction.immediate(() => group.map(runOne)) as Outcome[]).then(
      (outcomes) => {
        for (const [index, each] of group.entries()) settle(each, outcomes[index]);
      },
      (error: unknown) => {
        for (const { reject } of group) reject(error);
      },
    );
  }

  function runOne({ work }: Pending): Outcome {
    try {
      return { value: inTransaction(work) };
    } catch (error) {
      // A full disk ends the whole transaction (SQLite, "Response To Errors Within A Transaction").
      if (!database.inTransaction) throw error;
      return { error };
    }
  }

  return <T>(work: () => T) =>
    new Promise<T>((resolve, reject) => {
      // What `work` returns is what it is resolved with.
      pending.push({ work, resolve, reject });
      if (pending.length === 1) setImmediate(flush);
    });
}

function settle({ resolve, reject }: Pending, outcome: Outcome | undefined): void {
  if (outcome && 'value' in outcome) resolve(outcome.value);
  else reject(toStoreError(outcome?.error));
}
