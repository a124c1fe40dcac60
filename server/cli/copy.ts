import { defineLeaf, type Command } from './command-line.ts';
import type { CommandParts } from './command-parts.ts';

/** `latchkey copy` */
export function createCopyCommand(parts: CommandParts): Command {
  return defineLeaf({
    meta: {
      description:
        'Copy a stopped server’s SQLite database to PostgreSQL; interrupted, it goes on where it was',
    },
    args: {
      from: { type: 'string', required: true, description: 'Such as file:./data/latchkey.db' },
      to: {
        type: 'string',
        description: 'Such as postgres://user@host/database; DATABASE_URL unless given',
      },
      check: { type: 'boolean', description: 'Copy nothing, compare what both have' },
      restart: { type: 'boolean', description: 'Take out what a copy has brought, and begin anew' },
    },
    run: async ({ args }) => {
      const { loadPostgres } = await import('../store/load-postgres.ts');
      const { copy } = await loadPostgres(() => import('./copy-actions.ts'));
      await copy(parts, args);
    },
  });
}
