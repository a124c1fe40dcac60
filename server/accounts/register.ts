import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { UserRecord } from '../../shared/records.ts';
import type { RegisterInput } from '../../shared/schemas.ts';
import { createAuditEvent } from '../audit/audit-event.ts';
import { networkOf } from '../limits/network-of.ts';
import type { Runtime } from '../runtime.ts';
import { createSession, issueTokens, type SignedIn } from '../sessions/start-session.ts';
import type { CreateUserOutcome } from '../store/store.ts';
import { strangerFrom, type AccountParts, type Visitor } from './account-parts.ts';

/**
 * Makes an account and signs it in.
 *
 * @throws LatchkeyError `weak_password`, `email_taken`, `username_taken`, `rate_limited`, `overloaded`
 */
export async function register(
  parts: AccountParts,
  input: RegisterInput,
  visitor: Visitor,
): Promise<SignedIn> {
  const { store, hasher, policy, limits, runtime } = parts;
  await limits.consume([
    { limit: 'registerPerAddress', key: { chosen: networkOf(visitor.ip) } },
    { limit: 'registerOverall', key: 'everybody' },
  ]);
  policy.assertStrong(input.password, [input.email, input.username, input.name]);
  const passwordHash = await hasher.hash(input.password);
  const user = createUserRecord(runtime, { ...input, role: 'user' });
  const session = createSession(parts, user.id, visitor);
  const outcome = await store.createUser({
    user,
    passwordHash,
    session,
    replaced: visitor.replaced,
    event: createAuditEvent(runtime, 'user.registered', {
      actor: strangerFrom(visitor),
      userId: user.id,
      sessionId: session.id,
    }),
  });
  assertCreated(outcome);
  return issueTokens(parts, session, user);
}

/** @throws LatchkeyError `email_taken`, `username_taken` */
export function assertCreated(outcome: CreateUserOutcome): void {
  if (outcome === 'email_taken' || outcome === 'username_taken') throw new LatchkeyError(outcome);
}

/** A user as a new row. */
export function createUserRecord(
  runtime: Runtime,
  input: {
    readonly email: string;
    readonly username?: string | undefined;
    readonly name?: string | undefined;
    readonly role: string;
  },
): UserRecord {
  const now = runtime.now();
  return {
    id: runtime.newId(),
    email: input.email,
    emailVerified: false,
    username: input.username ?? null,
    name: input.name ?? null,
    role: input.role,
    status: 'active',
    authorizationVersion: 0,
    createdAt: now,
    updatedAt: now,
  };
}
