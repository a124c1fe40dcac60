import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { CredentialRecord, Origin } from '../../shared/records.ts';
import { createAuditEvent, type Actor, type AuditEventType } from '../audit/audit-event.ts';
import type { Budget } from '../limits/limits.ts';
import { networkOf } from '../limits/network-of.ts';
import { strangerFrom, type AccountParts } from './account-parts.ts';

/** A user whose password was just verified, with the hash that it was verified against. */
export interface VerifiedCredential extends CredentialRecord {
  readonly passwordHash: string;
}

/**
 * Checks a password at the price of one hash, for every kind of wrong: nobody can
 * tell an unknown user from a wrong password or a disabled account.
 *
 * @param accountKey what the account was called; counted under its id where there is one
 * @throws LatchkeyError `invalid_credentials`, `rate_limited`, `overloaded`
 */
export async function verifyPassword(
  parts: AccountParts,
  attempt: {
    readonly accountKey: string;
    readonly credential: CredentialRecord | null;
    readonly password: string;
    readonly origin: Origin;
    readonly failure: Extract<AuditEventType, 'sign_in.failed' | 'password_check.failed'>;
    readonly actor?: Actor;
  },
): Promise<VerifiedCredential> {
  const { hasher, limits, runtime, store } = parts;
  const { credential, origin } = attempt;
  const { always, ownPlace, shared } = await budgetsOf(parts, attempt);
  const budgets = [...always, ...ownPlace, ...shared];
  await limits.consume(budgets);

  const matches = await hasher
    .verify(attempt.password, credential?.passwordHash ?? null)
    .catch(async (error: unknown) => {
      // Nothing was guessed: being turned away must not use anybody's budget up.
      await limits.refund(budgets);
      throw error;
    });
  const cause = findCause(credential, matches);
  if (cause !== null || credential?.passwordHash == null) {
    await store.recordAuditEvent(
      createAuditEvent(runtime, attempt.failure, {
        actor: attempt.actor ?? strangerFrom(origin),
        userId: credential?.user.id ?? null,
        detail: { cause },
      }),
    );
    throw new LatchkeyError('invalid_credentials');
  }
  // Whoever knows the password was not guessing there. What others tried elsewhere stays counted.
  await limits.clear(ownPlace);
  await limits.refund(shared);
  return { user: credential.user, passwordHash: credential.passwordHash };
}

/** Whose budgets an attempt takes from. */
async function budgetsOf(
  { store }: AccountParts,
  {
    credential,
    accountKey,
    origin,
  }: { credential: CredentialRecord | null; accountKey: string; origin: Origin },
): Promise<{
  always: readonly Budget[];
  /** Of the account at this place. */
  ownPlace: readonly Budget[];
  /** Of the account, for all strangers together. */
  shared: readonly Budget[];
}> {
  const network = networkOf(origin.ip);
  const account = credential?.user.id ?? accountKey;
  const key = credential ? { known: account } : { chosen: account };
  // Of an unknown account too, where nothing is found: one question less would be a time that tells.
  const addresses = await store.listAddresses(account);
  const isKnownThere = addresses.some((address) => networkOf(address) === network);
  return {
    always: [
      { limit: 'signInPerAddress', key: { chosen: network } },
      { limit: 'signInOverall', key: 'everybody' },
    ],
    ownPlace: isKnownThere
      ? [{ limit: 'signInFromKnownAddresses', key }]
      : [{ limit: 'signInFromOneStranger', key: { chosen: `${account} ${network}` } }],
    shared: isKnownThere ? [] : [{ limit: 'signInFromStrangers', key }],
  };
}

function findCause(credential: CredentialRecord | null, matches: boolean): string | null {
  if (!credential) return 'unknown_user';
  if (credential.passwordHash === null) return 'no_password';
  if (!matches) return 'wrong_password';
  return credential.user.status === 'active' ? null : 'disabled';
}
