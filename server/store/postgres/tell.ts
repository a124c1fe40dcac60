import type { ClientBase } from 'pg';
import type { Database } from './database.ts';
import { sql } from './drizzle.ts';
import { postgresCodeOf } from './postgres-error.ts';

/** On which changes are told, to every process on the database. */
export const changesChannel = 'latchkey_changes';

/** What makes a remembered session, or the keys, another one than it was. */
export type StoreChange = { readonly userId: string } | { readonly sessionId: string } | 'keys';

/** Tells a change when the transaction commits, and nothing when it does not. */
export async function tell(transaction: Database, change: StoreChange): Promise<void> {
  await transaction.execute(sql`SELECT pg_notify(${changesChannel}, ${JSON.stringify(change)})`);
}

/** Whether the database can tell: one that is only compatible may not. Nobody listens to this. */
export async function canTell(client: ClientBase): Promise<boolean> {
  try {
    await client.query(`SELECT pg_notify('${changesChannel}_try', '')`);
    return true;
  } catch (error) {
    if (/^(0A000|42883|42601)$/.test(postgresCodeOf(error) ?? '')) return false;
    throw error;
  }
}

/** `null` for what this version does not understand. */
export function readChange(payload: string): StoreChange | null {
  try {
    const change: unknown = JSON.parse(payload);
    if (change === 'keys') return change;
    if (typeof change !== 'object' || change === null) return null;
    if ('userId' in change && typeof change.userId === 'string') return { userId: change.userId };
    if ('sessionId' in change && typeof change.sessionId === 'string') {
      return { sessionId: change.sessionId };
    }
    return null;
  } catch {
    return null;
  }
}
