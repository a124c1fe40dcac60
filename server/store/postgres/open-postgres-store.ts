import { createRuntime, type Runtime } from '../../runtime.ts';
import { explainDatabaseError } from '../explain-database-error.ts';
import type { AuditLinking, Store } from '../store.ts';
import { configOf } from './connection.ts';
import { Client } from './drizzle.ts';
import { startHeartbeat } from './heartbeat.ts';
import { openPool, type OpenedPool } from './open-database.ts';
import { createPostgresStore } from './postgres-store.ts';
import { createSessionMemory } from './session-memory.ts';
import { changesChannel, readChange } from './tell.ts';

/** A beat that takes longer is one on a connection that does not work any more. */
const beatTimeoutMs = 2_000;

/** A store that hears of what other processes change. */
export interface OpenedPostgresStore extends OpenedPool {
  readonly store: Store;
  readonly runtime: Runtime;
  /** Resolves when everything is known here that was committed before it was called. */
  catchUp(): Promise<void>;
}

export interface OpenPostgresOptions {
  readonly url: string;
  readonly poolSize: number;
  /** The machine's; its clock gives way to the database's unless `keepsTime`. */
  readonly runtime: Runtime;
  readonly keepsTime: boolean;
  readonly auditChain: AuditLinking;
  onKeysChanged(): void;
}

/**
 * Opens the store, and the connection beside its pool on which it hears and takes the time.
 *
 * @throws ConfigurationError when the database cannot be used, with what to do
 */
export async function openPostgresStore(
  options: OpenPostgresOptions,
): Promise<OpenedPostgresStore> {
  const { url, runtime: machine, auditChain, onKeysChanged } = options;
  const opened = await openPool(url, options.poolSize);
  try {
    const memory = createSessionMemory(
      () => heartbeat.isCurrent(),
      () => runtime.now(),
    );
    const heartbeat = await startHeartbeat({
      createClient: () => new Client({ ...configOf(url), query_timeout: beatTimeoutMs }),
      runtime: machine,
      canHear: !opened.isPooled,
      channel: changesChannel,
      onTold(payload) {
        const change = readChange(payload);
        if (change === 'keys') onKeysChanged();
        else if (change === null) forgetEverything();
        else if ('userId' in change) memory.forgetUser(change.userId);
        else memory.forget(change.sessionId);
      },
      onGap: forgetEverything,
    });
    function forgetEverything(): void {
      memory.forgetAll();
      onKeysChanged();
    }
    const runtime = options.keepsTime ? machine : createRuntime(heartbeat.now);
    const store = createPostgresStore({ ...opened, runtime, auditChain, memory });
    return {
      ...opened,
      runtime,
      catchUp: heartbeat.catchUp,
      store: {
        ...store,
        async close() {
          await heartbeat.close();
          await store.close();
        },
      },
    };
  } catch (error) {
    await opened.pool.end();
    throw explainDatabaseError(error);
  }
}
