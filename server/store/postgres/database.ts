import type { NodePgDatabase } from 'drizzle-orm/node-postgres';

/** Drizzle on a pool, or on the one connection of a transaction. */
export type Database = NodePgDatabase;
