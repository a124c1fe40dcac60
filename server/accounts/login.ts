import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { SessionRecord, UserRecord } from '../../shared/records.ts';
import type { LoginInput } from '../../shared/schemas.ts';
import { createAuditEvent } from '../audit/audit-event.ts';
import { createSession, issueTokens, type SignedIn } from '../sessions/start-session.ts';
import { strangerFrom, type AccountParts, type Visitor } from './account-parts.ts';
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
  visitor: Visitor,
): Promise<SignedIn> {
  let verified = await verify(parts, input, visitor);
  let signedIn = await start(parts, verified, visitor);
  if (!signedIn && parts.hasher.isOutdated(verified.passwordHash)) {
    // A sign-in beside this one may have brought the hash up to date meanwhile.
    verified = await verify(parts, input, visitor);
    signedIn = await start(parts, verified, visitor);
  }
  // Disabled, deleted or given another password while the hash was computed.
  if (!signedIn) throw new LatchkeyError('invalid_credentials');
  await upgradeHash(parts, verified, input.password);
  return issueTokens(parts, signedIn.session, signedIn.user);
}

async function verify(
  parts: AccountParts,
  input: LoginInput,
  visitor: Visitor,
): Promise<VerifiedCredential> {
  return verifyPassword(parts, {
    accountKey: 'email' in input ? input.email : input.username,
    credential: await parts.store.findCredential(input),
    password: input.password,
    origin: visitor,
    failure: 'sign_in.failed',
  });
}

/** Starts a session, unless the account is not what was verified any more. */
async function start(
  parts: AccountParts,
  { user: { id }, passwordHash }: VerifiedCredential,
  visitor: Visitor,
): Promise<{ readonly session: SessionRecord; readonly user: UserRecord } | null> {
  const session = createSession(parts, id, visitor);
  const user = await parts.store.startSession({
    session,
    passwordHash,
    maxSessions: parts.sessionSettings.maxPerUser,
    replaced: visitor.replaced,
    event: createAuditEvent(parts.runtime, 'sign_in.succeeded', {
      actor: { ...strangerFrom(visitor), userId: id, sessionId: session.id },
    }),
  });
  return user && { session, user };
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
