import { builtInRoles, userStatuses } from '../../shared/schemas.ts';
import { defineLeaf, type Command } from './command-line.ts';
import type { CommandParts } from './command-parts.ts';

const user = {
  type: 'positional',
  required: true,
  description: 'E-mail address, username or id',
} as const;
const yes = { type: 'boolean', description: 'Go on without being asked' } as const;
const roles: string[] = [...builtInRoles];
const statuses: string[] = [...userStatuses];

/** `latchkey user …` */
export function createUserCommand(parts: CommandParts): Command {
  const load = () => import('./user-actions.ts');
  return {
    meta: { description: 'Make, find and change accounts' },
    subCommands: {
      create: defineLeaf({
        meta: { description: 'Make an account; asks for the password unless an option says how' },
        args: {
          email: { type: 'string', required: true, description: 'E-mail address' },
          username: { type: 'string', description: '2 to 32 of a-z 0-9 . _ -' },
          name: { type: 'string', description: 'Name to be shown' },
          role: { type: 'enum', options: roles, description: 'user unless given' },
          'password-stdin': { type: 'boolean', description: 'Read the password from stdin' },
          'bcrypt-hash-stdin': {
            type: 'boolean',
            description: 'Read from stdin the bcrypt hash that another system kept',
          },
          generate: { type: 'boolean', description: 'Make a password and print it once' },
        },
        run: async ({ args }) => (await load()).createUser(parts, args),
      }),
      list: defineLeaf({
        meta: { description: 'List accounts, newest first' },
        args: {
          search: { type: 'string', description: 'Part of an address, username or name' },
          role: { type: 'enum', options: roles, description: 'Only these' },
          status: { type: 'enum', options: statuses, description: 'Only these' },
          limit: { type: 'string', description: '1 to 100, 50 unless given' },
          cursor: { type: 'string', description: 'Where the page before ended' },
          json: { type: 'boolean', description: 'Print what admin.listUsers answers' },
        },
        run: async ({ args }) => (await load()).listUsers(parts, args),
      }),
      disable: defineLeaf({
        meta: { description: 'Keep somebody out and end all their sessions, at once' },
        args: { user, yes },
        run: async ({ args }) => (await load()).disableUser(parts, args),
      }),
      enable: defineLeaf({
        meta: { description: 'Let somebody in again; sessions that ended stay ended' },
        args: { user },
        run: async ({ args }) => (await load()).enableUser(parts, args),
      }),
      'set-role': defineLeaf({
        meta: { description: 'Give somebody another role' },
        args: {
          user,
          role: { type: 'positional', required: true, description: builtInRoles.join(' or ') },
          yes,
        },
        run: async ({ args }) => (await load()).setUserRole(parts, args),
      }),
      revoke: defineLeaf({
        meta: { description: 'End all sessions of somebody, at once' },
        args: { user, yes },
        run: async ({ args }) => (await load()).revokeUser(parts, args),
      }),
    },
  };
}
