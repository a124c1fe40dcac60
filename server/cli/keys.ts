import { defineLeaf, type Command } from './command-line.ts';
import type { CommandParts } from './command-parts.ts';

/** `latchkey keys …` */
export function createKeysCommand(parts: CommandParts): Command {
  const load = () => import('./key-actions.ts');
  return {
    meta: { description: 'List and rotate the keys that sign access tokens' },
    subCommands: {
      list: defineLeaf({
        meta: { description: 'List the keys, newest first' },
        args: { json: { type: 'boolean', description: 'Print JSON' } },
        run: async ({ args }) => (await load()).listKeys(parts, args),
      }),
      rotate: defineLeaf({
        meta: { description: 'Sign with the next key; nobody is signed out' },
        args: { yes: { type: 'boolean', description: 'Go on without being asked' } },
        run: async ({ args }) => (await load()).rotateKeys(parts, args),
      }),
    },
  };
}
