import { defineLeaf, type Command } from './command-line.ts';
import type { CommandParts } from './command-parts.ts';

/** `latchkey audit …` */
export function createAuditCommand(parts: CommandParts): Command {
  return {
    meta: { description: 'Look after the log of security events' },
    subCommands: {
      verify: defineLeaf({
        meta: { description: 'Find events that were removed, changed or put in' },
        args: { json: { type: 'boolean', description: 'Print JSON' } },
        run: async ({ args }) => (await import('./audit-actions.ts')).verifyAudit(parts, args),
      }),
    },
  };
}
