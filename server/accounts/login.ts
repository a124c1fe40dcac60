import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { Origin } from '../../shared/records.ts';
import type { LoginInput } from '../../shared/schemas.ts';
import { createAuditEvent } from '../audit/audit-event.ts';
import { createSession, issueTokens, type SignedIn } from '../sessions/start-session.ts';
import { strangerFrom, type AccountParts } from './account-parts.ts';
import { verifyPassword, type VerifiedCredential } from './verify-password.ts';

/** As much of a password as bcrypt itself reads. */
const bcryptBytes = 72;

/**
 * Signs a user in by e-mail address or username.
 *
 * @throws LatchkeyError `invalid_credentials`, `rate_limited`, `overloaded`
 */
export async function login(
  parts: AccountParts,
  input: LoginInput,
  origin: Origin,
): Promise<SignedIn> {
  const { store, runtime, sessionSettings } = parts;
  const credential = await store.findCredential(input);
  const { user, passwordHash } = await verifyPassword(parts, {
    accountKey: 'email' in input ? input.email : input.username,
    credential,
    password: input.password,
    origin,
    failure: 'sign_in.failed',
  });
  const session = createSession(parts, user.id, origin);
  const signedIn = await store.startSession({
    session,
    passwordHash,
    maxSessions: sessionSettings.maxPerUser,
    event: createAuditEvent(runtime, 'sign_in.succeeded', {
      actor: { ...strangerFrom(origin), userId: user.id, sessionId: session.id },
    }),
  });
  // Disabled, deleted or given another password while the hash was computed.
  if (!signedIn) throw new LatchkeyError('invalid_credentials');
  await upgradeHash(parts, { user, passwordHash }, input.password);
  return issueTokens(parts, session, signedIn);
}

/** Brings an imported hash, or one of another cost, to what new passwords get. */
async function upgradeHash(
  { hasher, store }: AccountParts,
  { user, passwordHash }: VerifiedCredential,
  password: string,
): Promise<void> {
  if (!hasher.isOutdated(passwordHash)) return;
  // Plain bcrypt has looked at 72 bytes: what stood behind them may have been anything.
  if (Buffer.byteLength(password) > bcryptBytes) return;
  try {
    const to = await hasher.hash(password);
    await store.upgradePasswordHash({ userId: user.id, from: passwordHash, to });
  } catch (error) {
    // Under load the sign-in counts for more: the next one upgrades the hash.
    if (!(error instanceof LatchkeyError && error.reason === 'overloaded')) throw error;
  }
}
