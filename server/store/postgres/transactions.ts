import type { Pool, PoolClient } from 'pg';
import type { AuditRecord } from '../../../shared/records.ts';
import type { Runtime } from '../../runtime.ts';
import type { AuditLinking } from '../store.ts';
import { recordEvents } from './audit-log.ts';
import type { Database } from './database.ts';
import { drizzle } from './drizzle.ts';
import { isUndoneForAnother, postgresCodeOf, toStoreError } from './postgres-error.ts';
import type { SessionMemory } from './session-memory.ts';
import { prepareStatements, type Statements } from './statements.ts';
import { tell, type StoreChange } from './tell.ts';

const maxRetries = 3;
/** Before a retry at most, for the first; twice, three times as long for the others. */
const retryPauseMs = 20;

/** What one transaction works with. */
export interface Transaction {
  readonly db: Database;
  readonly statements: Statements;
  /** Records it when all else is done: whoever holds the end of the audit log holds up everybody. */
  record(event: AuditRecord): void;
  /** Tells every process of it when the transaction commits. */
  tell(change: StoreChange): Promise<void>;
}

export interface Transactions {
  /** What goes through any connection, a statement a transaction. */
  readonly statements: Statements;
  readonly db: Database;
  /** Runs a statement or some, each by itself. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /**
   * Runs work in one transaction, and answers once it is durable. What the database undid for the
   * sake of another is done again from the start; what was lost with its connection is not, for it
   * may have been done.
   */
  transact<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>;
}

/** A connection as the store uses it. */
interface Connection {
  readonly db: Database;
  readonly statements: Statements;
}

export function createTransactions({
  pool,
  runtime,
  auditChain,
  memory,
  canTell = true,
}: {
  readonly pool: Pool;
  readonly runtime: Runtime;
  readonly auditChain: AuditLinking;
  readonly memory: Pick<SessionMemory, 'forget' | 'forgetUser'>;
  readonly canTell?: boolean;
}): Transactions {
  const connections = new WeakMap<PoolClient, Connection>();
  const db = drizzle(pool);

  function connectionOf(client: PoolClient): Connection {
    const known = connections.get(client);
    if (known) return known;
    const own = drizzle(client);
    const connection = { db: own, statements: prepareStatements(own) };
    connections.set(client, connection);
    return connection;
  }

  function forget(change: StoreChange): void {
    if (change === 'keys') return;
    if ('userId' in change) memory.forgetUser(change.userId);
    else memory.forget(change.sessionId);
  }

  async function run<T>(work: () => Promise<T>): Promise<T> {
    for (let retries = 0; ; retries += 1) {
      try {
        return await work();
      } catch (error) {
        if (!isUndoneForAnother(error) || retries === maxRetries) throw toStoreError(error);
      }
      const random = (runtime.randomBytes(1)[0] ?? 0) / 256;
      await runtime.delay((0.1 + random) * retryPauseMs * (retries + 1));
    }
  }

  async function once<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const client = await pool.connect();
    const changes: StoreChange[] = [];
    let isBroken = false;
    // Without a listener a connection that is lost between two statements would end the process.
    const onError = () => {
      isBroken = true;
    };
    client.on('error', onError);
    try {
      const { db: own, statements } = connectionOf(client);
      const events: AuditRecord[] = [];
      await client.query('BEGIN ISOLATION LEVEL READ COMMITTED');
      const value = await work({
        db: own,
        statements,
        record: (event) => void events.push(event),
        async tell(change) {
          changes.push(change);
          if (canTell) await tell(own, change);
        },
      });
      await recordEvents(statements, auditChain, events);
      // PostgreSQL answers a COMMIT with ROLLBACK where a statement had failed.
      const { command } = await client.query('COMMIT');
      if (command !== 'COMMIT') throw new Error('The transaction was not committed.');
      return value;
    } catch (error) {
      // One that says nothing any more, or leads to a server that may only be read since another
      // one took over, is not put back: it would fail whoever gets it next.
      isBroken ||= /^(QUERY_TIMEOUT|25006)$/.test(postgresCodeOf(error) ?? '');
      if (!isBroken) {
        await client.query('ROLLBACK').catch(() => {
          isBroken = true;
        });
      }
      throw error;
    } finally {
      client.off('error', onError);
      client.release(isBroken);
      // Also where it is not known whether it was committed.
      for (const change of changes) forget(change);
    }
  }

  return {
    statements: prepareStatements(db),
    db,
    run,
    transact: (work) => run(() => once(work)),
  };
}
