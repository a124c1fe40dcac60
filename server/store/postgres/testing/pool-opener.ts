import { Client } from 'pg';
import { openPool } from '../open-database.ts';

/** What the process of this file is told: to open a database and close it again. */
export interface PoolOpenerCall {
  readonly url: string;
  /** Die (SIGKILL) instead of running this query, the first being 1. */
  readonly dieAt?: number;
}
/** What it answers. */
export type PoolOpenerAnswer =
  | { readonly created: boolean; readonly migrationsApplied: number }
  | { readonly error: string };

async function openAndClose({ url, dieAt }: PoolOpenerCall): Promise<PoolOpenerAnswer> {
  let queries = 0;
  const query: (...given: never[]) => unknown = Client.prototype.query;
  Object.assign(Client.prototype, {
    query(this: Client, ...given: never[]) {
      queries += 1;
      if (queries === dieAt) process.kill(process.pid, 'SIGKILL');
      return query.apply(this, given);
    },
  });
  try {
    const { pool, created, migrationsApplied } = await openPool(url, 1);
    await pool.end();
    return { created, migrationsApplied };
  } catch (error) {
    return { error: String(error) };
  } finally {
    Object.assign(Client.prototype, { query });
  }
}

process.on('message', (call: PoolOpenerCall) => {
  void openAndClose(call).then((answer) => process.send?.(answer));
});
