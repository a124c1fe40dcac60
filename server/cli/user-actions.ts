import { z } from 'zod';
import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { UserRecord } from '../../shared/records.ts';
import {
  emailSchema,
  passwordSchema,
  readInput,
  usernameSchema,
  type User,
} from '../../shared/schemas.ts';
import { revokeUserSessions, setRole, setStatus } from '../accounts/administer.ts';
import { createAccount, type NewAccount } from '../accounts/create-account.ts';
import { readPage } from '../accounts/read-page.ts';
import { ConfigurationError } from '../config/configuration-error.ts';
import { isImportableHash } from '../passwords/password-hasher.ts';
import type { CredentialKey, Store } from '../store/store.ts';
import { toUser } from '../trpc/procedures.ts';
import { assertConfirmed } from './assert-confirmed.ts';
import type { CommandParts } from './command-parts.ts';
import { formatTable } from './format-table.ts';
import { operator, withInstallation } from './installation.ts';
import type { Terminal } from './terminal.ts';

interface CreateUserArgs {
  readonly email: string;
  readonly username?: string | undefined;
  readonly name?: string | undefined;
  readonly role?: string | undefined;
  readonly 'password-stdin'?: boolean | undefined;
  readonly 'bcrypt-hash-stdin'?: boolean | undefined;
  readonly generate?: boolean | undefined;
}

export async function createUser(parts: CommandParts, args: CreateUserArgs): Promise<void> {
  await withInstallation(parts, async ({ accounts, schemas }) => {
    const { email, username, name, role } = args;
    const account = readInput(schemas.newAccount, { email, username, name, role });
    const { secret, generated } = await readSecret(parts, args);
    const user = await createAccount(
      accounts,
      { ...account, role: account.role ?? 'user', secret },
      operator,
    );
    parts.terminal.print(`Created ${user.email} (${user.role}), id ${user.id}.`);
    if (generated !== null) parts.terminal.print(`Password, shown this once: ${generated}`);
  });
}

/** A password never comes as an argument: every user of the machine can read those. */
async function readSecret(
  { terminal, runtime }: CommandParts,
  args: CreateUserArgs,
): Promise<{ secret: NewAccount['secret']; generated: string | null }> {
  const ways = (['password-stdin', 'bcrypt-hash-stdin', 'generate'] as const).filter(
    (way) => args[way],
  );
  if (ways.length > 1 || (ways.length === 0 && !terminal.isInteractive)) {
    const problem = ways.length > 1 ? 'more than one way was given' : 'no terminal to ask on';
    throw new ConfigurationError([
      `password: ${problem}. Wanted: one of --password-stdin, --bcrypt-hash-stdin and --generate.`,
    ]);
  }
  switch (ways[0]) {
    case 'generate': {
      const generated = runtime.randomBytes(16).toString('base64url');
      return { secret: { password: generated }, generated };
    }
    case 'bcrypt-hash-stdin':
      return { secret: { bcryptHash: await readHash(terminal) }, generated: null };
    default: {
      // What is typed shall not be seen, even where stdin was asked for.
      const { isInteractive } = terminal;
      const password = await (isInteractive ? askTwice(terminal) : terminal.readInput());
      return { secret: readPassword(password), generated: null };
    }
  }
}

async function readHash(terminal: Terminal): Promise<string> {
  const hash = await terminal.readInput();
  if (isImportableHash(hash)) return hash;
  throw new ConfigurationError([
    'stdin: no bcrypt hash. Wanted: one that begins with $2a$, $2b$ or $2y$, of cost 4 to 15.',
  ]);
}

async function askTwice(terminal: Terminal): Promise<string> {
  const password = await terminal.askPassword('Password of the new account');
  const again = password === null ? null : await terminal.askPassword('The same again');
  if (again !== null && again === password) return again;
  const problem = again === null ? [] : ['password: the two are not the same.'];
  throw new ConfigurationError([...problem, 'Nothing was changed.']);
}

function readPassword(password: string): { password: string } {
  return readInput(z.object({ password: passwordSchema }), { password });
}

interface ListUsersArgs {
  readonly search?: string | undefined;
  readonly role?: string | undefined;
  readonly status?: string | undefined;
  readonly limit?: string | undefined;
  readonly cursor?: string | undefined;
  readonly json?: boolean | undefined;
}

export async function listUsers(
  parts: CommandParts,
  { json, limit, search, role, status, cursor }: ListUsersArgs,
): Promise<void> {
  const { terminal } = parts;
  await withInstallation(parts, async ({ accounts: { store }, schemas }) => {
    const query = readInput(schemas.listUsersInput, {
      search,
      role,
      status,
      limit: limit === undefined ? undefined : Number(limit),
      cursor,
    });
    const { rows, nextCursor } = await readPage(query, (page) => store.listUsers(page));
    const users = rows.map((user) => toUser(user));
    if (json) {
      terminal.print(JSON.stringify({ users, nextCursor }, null, 2));
      return;
    }
    if (users.length === 0) terminal.note('No user is like that.');
    else terminal.print(formatUsers(users));
    if (nextCursor !== null) terminal.note(`There are more: --cursor=${nextCursor}`);
  });
}

function formatUsers(users: readonly User<string>[]): string {
  return formatTable([
    ['ID', 'E-MAIL', 'USERNAME', 'ROLE', 'STATUS', 'CREATED', 'NAME'],
    ...users.map(({ id, email, username, role, status, createdAt, name }) => [
      id,
      email,
      username ?? '-',
      role,
      status,
      createdAt,
      name ?? '-',
    ]),
  ]);
}

interface UserArgs {
  readonly user: string;
  readonly yes?: boolean | undefined;
}

export async function disableUser(
  parts: CommandParts,
  { user: name, yes }: UserArgs,
): Promise<void> {
  await withInstallation(parts, async ({ accounts }) => {
    const { id, email } = await getUser(accounts.store, name);
    await assertConfirmed(parts.terminal, `Disable ${email} and end all their sessions?`, yes);
    await setStatus(accounts, { userId: id, status: 'disabled', actor: operator });
    parts.terminal.print(`${email} is disabled, and all their sessions have ended.`);
  });
}

export async function enableUser(parts: CommandParts, { user: name }: UserArgs): Promise<void> {
  await withInstallation(parts, async ({ accounts }) => {
    const { id, email } = await getUser(accounts.store, name);
    await setStatus(accounts, { userId: id, status: 'active', actor: operator });
    parts.terminal.print(`${email} may sign in again.`);
  });
}

export async function setUserRole(
  parts: CommandParts,
  { user: name, role, yes }: UserArgs & { readonly role: string },
): Promise<void> {
  await withInstallation(parts, async ({ accounts, schemas }) => {
    const user = await getUser(accounts.store, name);
    const change = readInput(schemas.setRoleInput, { userId: user.id, role });
    const { email } = user;
    await assertConfirmed(parts.terminal, `Make ${email}, who is ${user.role}, ${role}?`, yes);
    await setRole(accounts, { ...change, actor: operator });
    parts.terminal.print(`${email} is ${change.role}.`);
  });
}

export async function revokeUser(
  parts: CommandParts,
  { user: name, yes }: UserArgs,
): Promise<void> {
  await withInstallation(parts, async ({ accounts }) => {
    const { id, email } = await getUser(accounts.store, name);
    await assertConfirmed(parts.terminal, `End all sessions of ${email}?`, yes);
    const revoked = await revokeUserSessions(accounts, { userId: id, actor: operator });
    parts.terminal.print(`Ended ${revoked} session(s) of ${email}.`);
  });
}

/** @throws LatchkeyError `not_found` */
async function getUser(store: Store, name: string): Promise<UserRecord> {
  const credential = await store.findCredential(credentialKeyOf(name));
  if (!credential) throw new LatchkeyError('not_found');
  return credential.user;
}

/** A username has no `@` and is shorter than an id. */
function credentialKeyOf(name: string): CredentialKey {
  const email = emailSchema.safeParse(name);
  if (email.success) return { email: email.data };
  const username = usernameSchema.safeParse(name);
  return username.success ? { username: username.data } : { userId: name.toLowerCase() };
}
