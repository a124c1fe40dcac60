import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { UserRecord } from '../../shared/records.ts';
import { createAuditEvent, type Actor } from '../audit/audit-event.ts';
import { isImportableHash } from '../passwords/password-hasher.ts';
import type { CreateUserOutcome, Store } from '../store/store.ts';
import { strangerFrom, type AccountParts } from './account-parts.ts';
import { assertCreated, createUserRecord } from './register.ts';

/** An account that an operator or the host application makes. */
export interface NewAccount {
  readonly email: string;
  readonly username?: string | undefined;
  readonly name?: string | undefined;
  readonly role: string;
  /** A password, or the bcrypt hash (`$2a$ $2b$ $2y$`) that another system kept of one. */
  readonly secret: { readonly password: string } | { readonly bcryptHash: string };
}

/**
 * Makes an account without signing it in.
 *
 * @throws LatchkeyError `weak_password`, `email_taken`, `username_taken`, `overloaded`;
 *   `invalid_input` when the hash is not a bcrypt hash of cost 4 to 15
 */
export async function createAccount(
  parts: AccountParts,
  account: NewAccount,
  actor: Actor,
): Promise<UserRecord> {
  const { user, outcome } = await insertAccount(parts, account, { actor, onlyWithoutAdmin: false });
  assertCreated(outcome);
  return user;
}

/**
 * Makes the first admin, or does nothing where there is an active one.
 *
 * @returns the admin, or `null`
 * @throws LatchkeyError `weak_password`, `email_taken`, `overloaded`
 */
export async function createFirstAdmin(
  parts: AccountParts,
  account: { readonly email: string; readonly password: string },
): Promise<UserRecord | null> {
  const { user, outcome } = await insertAccount(
    parts,
    { email: account.email, role: 'admin', secret: { password: account.password } },
    { actor: strangerFrom({ ip: null, userAgent: null }), onlyWithoutAdmin: true },
  );
  if (outcome === 'admin_exists') return null;
  assertCreated(outcome);
  return user;
}

async function insertAccount(
  { store, hasher, policy, runtime }: AccountParts,
  account: NewAccount,
  { actor, onlyWithoutAdmin }: { actor: Actor; onlyWithoutAdmin: boolean },
): Promise<{ user: UserRecord; outcome: CreateUserOutcome }> {
  const { secret } = account;
  if ('password' in secret) {
    policy.assertStrong(secret.password, [account.email, account.username, account.name]);
  } else if (!isImportableHash(secret.bcryptHash)) {
    throw new LatchkeyError('invalid_input');
  }
  const user = createUserRecord(runtime, account);
  // The store decides it again; here it spares each later start a hash.
  if (onlyWithoutAdmin && (await hasActiveAdmin(store))) return { user, outcome: 'admin_exists' };
  const outcome = await store.createUser({
    user,
    passwordHash: 'password' in secret ? await hasher.hash(secret.password) : secret.bcryptHash,
    session: null,
    onlyWithoutAdmin,
    event: createAuditEvent(runtime, 'user.created', {
      actor,
      userId: user.id,
      detail: { role: user.role },
    }),
  });
  return { user, outcome };
}

async function hasActiveAdmin(store: Store): Promise<boolean> {
  const admins = await store.listUsers({ role: 'admin', status: 'active', limit: 1 });
  return admins.length > 0;
}
