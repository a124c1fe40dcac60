import { createSecret } from '../config/secret.ts';
import { readPackageJson } from '../package-json.ts';
import { createAuditCommand } from './audit.ts';
import { defineLeaf, type Command } from './command-line.ts';
import type { CommandParts } from './command-parts.ts';
import { createCopyCommand } from './copy.ts';
import { createKeysCommand } from './keys.ts';
import { createUserCommand } from './user.ts';

/**
 * `latchkey` with all its commands. What a command needs of the server is loaded when it
 * runs, so that help and refusals are there at once.
 */
export function createRootCommand(parts: CommandParts): Command {
  const { terminal, runtime, variables } = parts;
  return {
    meta: {
      name: 'latchkey',
      version: readPackageJson().version,
      description: 'Runs and administers a Latchkey server',
    },
    subCommands: {
      start: defineLeaf({
        meta: { description: 'Serve until SIGTERM or SIGINT, as the environment says' },
        run: async () => {
          const { serve } = await import('../serve.ts');
          await serve(variables);
        },
      }),
      migrate: defineLeaf({
        meta: { description: 'Make the database or bring it up to date, and do nothing else' },
        run: async () => {
          const { migrate } = await import('./installation.ts');
          const { created, migrationsApplied } = await migrate(parts);
          if (created) terminal.print('Created the database.');
          terminal.print(`Applied ${migrationsApplied} migration(s).`);
        },
      }),
      user: createUserCommand(parts),
      keys: createKeysCommand(parts),
      audit: createAuditCommand(parts),
      copy: createCopyCommand(parts),
      secret: defineLeaf({
        meta: { description: 'Print a new LATCHKEY_SECRET' },
        run: () => terminal.print(createSecret(runtime)),
      }),
      doctor: defineLeaf({
        meta: { description: 'Check all that a server needs and say what to mend' },
        args: { json: { type: 'boolean', description: 'Print JSON' } },
        run: async ({ args }) => (await import('./diagnose.ts')).diagnose(parts, args),
      }),
    },
  };
}
