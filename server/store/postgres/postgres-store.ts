import type { SQL } from 'drizzle-orm';
import type { Pool } from 'pg';
import { isInGrace } from '../../../shared/is-in-grace.ts';
import { isUnexpired } from '../../../shared/is-unexpired.ts';
import type {
  CredentialRecord,
  SessionRecord,
  SigningKeyRecord,
  UserRecord,
} from '../../../shared/records.ts';
import type { Runtime } from '../../runtime.ts';
import { searchTextOf } from '../search-text.ts';
import type {
  AuditLinking,
  AuditQuery,
  ChangePassword,
  CreateUser,
  CreateUserOutcome,
  CredentialKey,
  DeleteUser,
  ReplacedSession,
  ReplaceSigningKeys,
  RevokeSessions,
  RotateOutcome,
  RotateSession,
  SessionWithUser,
  SetRole,
  SetStatus,
  StartSession,
  Store,
  UpdateProfile,
} from '../store.ts';
import { lockHead, saveHead } from './audit-log.ts';
import { createCounts } from './count.ts';
import { and, desc, eq, gt, inArray, isNull, lt, lte, ne, sql } from './drizzle.ts';
import { createUserList } from './list-users.ts';
import { brokenConstraintOf, overloaded } from './postgres-error.ts';
import { auditEvents, sessions, signingKeys, userColumns, users } from './schema.ts';
import type { SessionMemory } from './session-memory.ts';
import { eventColumns, whereLive, whereUnexpired } from './statements.ts';
import { createTransactions, type Transaction } from './transactions.ts';

/** Of those who make the first admin at once, one looks and makes it, and then the next one looks. */
const firstAdminLock = 7_235_001;
/** So often a refresh that was not decided is looked at again; each time somebody else did something. */
const maxLooks = 8;

export interface PostgresStoreParts {
  readonly pool: Pool;
  readonly runtime: Runtime;
  readonly auditChain: AuditLinking;
  readonly memory: Pick<SessionMemory, 'recall' | 'remember' | 'forget' | 'forgetUser'>;
  /** Whether the database can tell other processes of changes; it can by default. */
  readonly canTell?: boolean;
}

/**
 * The store on PostgreSQL, for any number of processes. Transactions are READ COMMITTED and lock
 * what they decide by, in one order: users by their ids, then sessions, then the end of the audit
 * log, which is locked last because everybody waits for it.
 */
export function createPostgresStore(parts: PostgresStoreParts): Store {
  const { pool, memory } = parts;
  const transactions = createTransactions(parts);
  const { db, statements, run, transact } = transactions;
  let closing: Promise<void> | undefined;

  async function findOne(sessionId: string): Promise<SessionWithUser | null> {
    const [found] = await run(() => statements.sessionWithUser.execute({ id: sessionId }));
    return found ?? null;
  }

  async function rotate(command: RotateSession): Promise<RotateOutcome> {
    const { sessionId, counter, now, graceMs, origin } = command;
    const sealedTokenKey = Buffer.from(command.sealedTokenKey);
    const presented = { id: sessionId, counter, sealedTokenKey, now, ...origin };
    for (let looks = 0; looks < maxLooks; looks += 1) {
      const [rotated] = await run(() => statements.rotateSession.execute(presented));
      if (rotated) return { kind: 'rotated', ...rotated };
      const found = await findOne(sessionId);
      if (!found) return { kind: 'unknown' };
      const { session, user } = found;
      if (!sealedTokenKey.equals(session.sealedTokenKey)) return { kind: 'unknown' };
      if (session.revokedAt !== null || user === null) return { kind: 'revoked' };
      if (!isUnexpired(session, now)) return { kind: 'expired' };
      if (isInGrace(session, { counter, now, graceMs })) return { kind: 'repeated', session, user };
      if (await transact((transaction) => endReused(transaction, command, session))) {
        return { kind: 'reused' };
      }
    }
    throw overloaded('40001');
  }

  return {
    createUser: ({ user, passwordHash, session, replaced, event, onlyWithoutAdmin }: CreateUser) =>
      transact(async (transaction): Promise<CreateUserOutcome> => {
        if (onlyWithoutAdmin === true && (await hasAdmin(transaction))) return 'admin_exists';
        const [inserted] = await transaction.db
          .insert(users)
          .values({ ...user, passwordHash, searchText: searchTextOf(user) })
          .onConflictDoNothing()
          .returning({ number: users.number });
        if (!inserted) return findTaken(transaction, user);
        if (session) {
          await endReplaced(transaction, replaced, session.createdAt);
          await insertSession(transaction, session);
        }
        transaction.record(event);
        return 'created';
      }),

    findUser: (userId) =>
      run(async () => {
        const [user] = await statements.userById.execute({ id: userId });
        return user ?? null;
      }),

    findCredential: (key: CredentialKey) =>
      run(async (): Promise<CredentialRecord | null> => {
        const [row] = await ('email' in key
          ? statements.credentialByEmail.execute({ email: key.email })
          : 'username' in key
            ? statements.credentialByUsername.execute({ username: key.username })
            : statements.credentialById.execute({ id: key.userId }));
        return row ?? null;
      }),

    listUsers: createUserList(transactions),

    async updateProfile({ userId, name, username, at, event }: UpdateProfile) {
      try {
        return await transact(async (transaction): Promise<UserRecord | 'not_found'> => {
          const user = (await lockUser(transaction, userId))?.user;
          if (!user) return 'not_found';
          const changed: UserRecord = {
            ...user,
            name: name === undefined ? user.name : name,
            username: username === undefined ? user.username : username,
            updatedAt: at,
          };
          await changeUser(transaction, userId, {
            name: changed.name,
            username: changed.username,
            updatedAt: at,
            searchText: searchTextOf(changed),
          });
          transaction.record(event);
          return changed;
        });
      } catch (error) {
        if (brokenConstraintOf(error) === 'users_username') return 'username_taken';
        throw error;
      }
    },

    upgradePasswordHash: ({ userId, from, to }) =>
      run(async () => {
        await db
          .update(users)
          .set({ passwordHash: to })
          .where(and(eq(users.id, userId), eq(users.passwordHash, from)));
      }),

    changePassword: ({ userId, from, to, sessionId, sealedTokenKey, at, event }: ChangePassword) =>
      transact(async (transaction): Promise<'changed' | 'outdated'> => {
        const credential = await lockUser(transaction, userId);
        if (credential?.passwordHash !== from || credential.user.status !== 'active') {
          return 'outdated';
        }
        const [rekeyed] = await transaction.db
          .update(sessions)
          .set({ sealedTokenKey: Buffer.from(sealedTokenKey), counter: 0, rotatedAt: at })
          .where(
            and(
              eq(sessions.id, sessionId),
              eq(sessions.userId, userId),
              isNull(sessions.revokedAt),
            ),
          )
          .returning({ id: sessions.id });
        if (!rekeyed) return 'outdated';
        await changeUser(transaction, userId, { passwordHash: to, updatedAt: at });
        await revoke(transaction, and(eq(sessions.userId, userId), ne(sessions.id, sessionId)), at);
        transaction.record(event);
        return 'changed';
      }),

    setRole: ({ userId, role, at, event }: SetRole) =>
      transact(async (transaction): Promise<UserRecord | 'not_found' | 'last_admin'> => {
        const locked = await lockForLeaving(transaction, userId);
        if (!locked) return 'not_found';
        const { user, isLastAdmin } = locked;
        if (user.role === role) return user;
        if (isLastAdmin) return 'last_admin';
        const changes = {
          role,
          authorizationVersion: user.authorizationVersion + 1,
          updatedAt: at,
        };
        await changeUser(transaction, userId, changes);
        transaction.record(event);
        return { ...user, ...changes };
      }),

    setStatus: ({ userId, status, at, event }: SetStatus) =>
      transact(async (transaction): Promise<UserRecord | 'not_found' | 'last_admin'> => {
        const locked = await lockForLeaving(transaction, userId);
        if (!locked) return 'not_found';
        const { user, isLastAdmin } = locked;
        if (user.status === status) return user;
        if (isLastAdmin) return 'last_admin';
        await changeUser(transaction, userId, { status, updatedAt: at });
        if (status === 'disabled') await revoke(transaction, eq(sessions.userId, userId), at);
        transaction.record(event);
        return { ...user, status, updatedAt: at };
      }),

    deleteUser: ({ userId, passwordHash, at, event }: DeleteUser) =>
      transact(async (transaction): Promise<'deleted' | 'outdated' | 'last_admin'> => {
        const locked = await lockForLeaving(transaction, userId);
        if (locked?.passwordHash !== passwordHash) return 'outdated';
        if (locked.isLastAdmin) return 'last_admin';
        const own = eq(sessions.userId, userId);
        await revoke(transaction, own, at);
        // What is left of a session says that it has ended, not whose it was.
        await transaction.db.update(sessions).set({ ip: null, userAgent: null }).where(own);
        await transaction.db.delete(users).where(eq(users.id, userId));
        await transaction.tell({ userId });
        transaction.record(event);
        return 'deleted';
      }),

    startSession: ({ session, passwordHash, maxSessions, replaced, event }: StartSession) =>
      transact(async (transaction): Promise<UserRecord | null> => {
        const credential = await lockUser(transaction, session.userId);
        if (credential?.passwordHash !== passwordHash) return null;
        if (credential.user.status !== 'active') return null;
        await endReplaced(transaction, replaced, session.createdAt);
        await insertSession(transaction, session);
        // The one that starts counts as the newest, whatever the clocks said.
        const { id, userId, createdAt } = session;
        const beyond = await transaction.statements.endSessionsBeyond.execute({
          id,
          userId,
          now: createdAt,
          others: maxSessions - 1,
        });
        if (beyond.length > 0) await transaction.tell({ userId });
        transaction.record(event);
        return credential.user;
      }),

    findSession: (sessionId) => memory.remember(sessionId, () => findOne(sessionId)),

    recallSession: (sessionId) => memory.recall(sessionId),

    listAddresses: (userId) =>
      run(async () => {
        const rows = await statements.addresses.execute({ userId });
        return rows.flatMap(({ ip }) => ip ?? []);
      }),

    listSessions: (userId, now) =>
      run(() =>
        db
          .select()
          .from(sessions)
          .where(and(eq(sessions.userId, userId), whereLive(now)))
          .orderBy(desc(sessions.id)),
      ),

    async rotateSession(command: RotateSession) {
      try {
        return await rotate(command);
      } finally {
        memory.forget(command.sessionId);
      }
    },

    revokeSessions: ({ which, at, event }: RevokeSessions) =>
      transact(async (transaction) => {
        if ('userId' in which) await lockUser(transaction, which.userId);
        const revoked = await revoke(transaction, whereMeant(which), at);
        if (revoked > 0) transaction.record(event(revoked));
        return revoked;
      }),

    pruneSessions: ({ before, limit }) =>
      run(async () => {
        const ended = db
          .select({ id: sessions.id })
          .from(sessions)
          .where(lt(sessions.expiresAt, before))
          .orderBy(sessions.expiresAt)
          .limit(limit)
          // Of many processes that prune at once, none waits for another.
          .for('update', { skipLocked: true });
        const pruned = await db
          .delete(sessions)
          .where(inArray(sessions.id, ended))
          .returning({ id: sessions.id });
        for (const { id } of pruned) memory.forget(id);
        return pruned.length;
      }),

    listSigningKeys: () =>
      run((): Promise<SigningKeyRecord[]> => db.select().from(signingKeys).orderBy(signingKeys.id)),

    replaceSigningKeys: ({ expectedActiveId, active, next, at, event }: ReplaceSigningKeys) =>
      transact(async (transaction) => {
        const { db } = transaction;
        const [inService] = await db
          .select({ id: signingKeys.id })
          .from(signingKeys)
          .where(eq(signingKeys.status, 'active'))
          .for('update');
        if ((inService?.id ?? null) !== expectedActiveId) return false;
        // Whoever locks the active key is alone. Where there was none, others may be here as well:
        // then nothing is retired, which could be what the first of them has just made.
        if (inService) {
          await db
            .update(signingKeys)
            .set({ status: 'retired', retiredAt: at })
            .where(and(ne(signingKeys.status, 'retired'), ne(signingKeys.id, active.id)));
        }
        const [waiting] = await db
          .update(signingKeys)
          .set({ status: 'active' })
          .where(eq(signingKeys.id, active.id))
          .returning({ id: signingKeys.id });
        const insert = (key: SigningKeyRecord) =>
          db
            .insert(signingKeys)
            .values({ ...key, sealedPrivateJwk: Buffer.from(key.sealedPrivateJwk) })
            .onConflictDoNothing()
            .returning({ id: signingKeys.id });
        if (!waiting && (await insert(active)).length === 0) return false;
        await insert(next);
        await transaction.tell('keys');
        transaction.record(event);
        return true;
      }),

    pruneSigningKeys: (before) =>
      transact(async (transaction) => {
        const pruned = await transaction.db
          .delete(signingKeys)
          .where(and(eq(signingKeys.status, 'retired'), lt(signingKeys.retiredAt, before)))
          .returning({ id: signingKeys.id });
        if (pruned.length > 0) await transaction.tell('keys');
      }),

    recordAuditEvent: (event) =>
      transact(async (transaction) => {
        transaction.record(event);
      }),

    findAuditHead: () =>
      run(async () => {
        const [head] = await statements.auditHead.execute();
        return head ?? null;
      }),

    listAuditLinks: ({ after, limit }) =>
      run(() =>
        db
          .select({ sequence: auditEvents.sequence, hash: auditEvents.hash, event: eventColumns })
          .from(auditEvents)
          .where(gt(auditEvents.sequence, after))
          .orderBy(auditEvents.sequence)
          .limit(limit),
      ),

    pruneAuditEvents: ({ before, limit }) =>
      transact(async ({ db, statements }) => {
        const head = await lockHead(statements);
        const { sequence, hash, at: recordedAt } = auditEvents;
        const oldest = await db
          .select({ sequence, hash, at: recordedAt })
          .from(auditEvents)
          .orderBy(sequence)
          .limit(limit);
        const kept = oldest.findIndex(({ at }) => at >= before);
        const last = oldest.at(kept === -1 ? oldest.length - 1 : kept - 1);
        if (kept === 0 || !last || !head) return 0;
        await saveHead(statements, parts.auditChain.cut(head, last));
        const pruned = await db
          .delete(auditEvents)
          .where(lte(auditEvents.sequence, last.sequence))
          .returning({ sequence });
        return pruned.length;
      }),

    listAuditEvents: ({ userId, type, limit, cursor }: AuditQuery) =>
      run(() =>
        db
          .select(eventColumns)
          .from(auditEvents)
          .where(
            and(
              userId === undefined ? undefined : eq(auditEvents.userId, userId),
              // Of a user and a type, those of the user are looked through: a type has millions.
              type === undefined
                ? undefined
                : userId === undefined
                  ? eq(auditEvents.type, type)
                  : sql`(${auditEvents.type} || '') = ${type}`,
              cursor === undefined ? undefined : lt(auditEvents.id, cursor),
            ),
          )
          .orderBy(desc(auditEvents.id))
          .limit(limit),
      ),

    ...createCounts(transactions),

    ping: () =>
      run(async () => {
        await statements.anyKey.execute();
      }),

    close: () => (closing ??= pool.end()),
  };
}

async function hasAdmin({ db }: Transaction): Promise<boolean> {
  await db.execute(sql`SELECT pg_advisory_xact_lock(${firstAdminLock})`);
  const [admin] = await db
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.role, 'admin'), eq(users.status, 'active')))
    .limit(1);
  return admin !== undefined;
}

/** What of a user another one has. */
async function findTaken(
  { statements }: Transaction,
  { email, username }: UserRecord,
): Promise<'email_taken' | 'username_taken'> {
  const [byEmail] = await statements.credentialByEmail.execute({ email });
  if (byEmail) return 'email_taken';
  const [byUsername] = await statements.credentialByUsername.execute({ username });
  if (byUsername) return 'username_taken';
  throw startAgain(); // Whoever had it has just let it go.
}

/** For what somebody else did meanwhile, in a way that waiting for a lock does not show. */
function startAgain(): Error {
  return Object.assign(new Error('The transaction has to start again.'), { code: '40001' });
}

/** The user as it stays until the transaction ends. */
async function lockUser(
  { statements }: Transaction,
  userId: string,
): Promise<CredentialRecord | undefined> {
  const [credential] = await statements.lockedCredential.execute({ id: userId });
  return credential;
}

interface Leaving extends CredentialRecord {
  readonly isLastAdmin: boolean;
}

/**
 * The user as it stays until the transaction ends, and where it is an active admin, all others who
 * are one with it: of two who go at once, the second finds the first gone.
 */
async function lockForLeaving(
  transaction: Transaction,
  userId: string,
): Promise<Leaving | undefined> {
  const { db, statements } = transaction;
  const [before] = await statements.userById.execute({ id: userId });
  if (!before || !isActiveAdmin(before)) {
    const locked = await lockUser(transaction, userId);
    // One by now: the others have to be locked with it, in their order.
    if (locked && isActiveAdmin(locked.user)) throw startAgain();
    return locked && { ...locked, isLastAdmin: false };
  }
  const locked = await db
    .select({ user: userColumns, passwordHash: users.passwordHash })
    .from(users)
    .where(sql`${users.id} = ${userId} OR (${users.role} = 'admin' AND ${users.status} = 'active')`)
    .orderBy(users.id)
    .for('no key update');
  const own = locked.find(({ user }) => user.id === userId);
  const others = locked.filter(({ user }) => user.id !== userId);
  return own && { ...own, isLastAdmin: isActiveAdmin(own.user) && others.length === 0 };
}

function isActiveAdmin({ role, status }: UserRecord): boolean {
  return role === 'admin' && status === 'active';
}

/** Of a user who is locked. */
async function changeUser(
  { db, tell }: Transaction,
  userId: string,
  changes: Partial<typeof users.$inferInsert>,
): Promise<void> {
  await db.update(users).set(changes).where(eq(users.id, userId));
  await tell({ userId });
}

async function insertSession({ statements }: Transaction, session: SessionRecord): Promise<void> {
  const sealedTokenKey = Buffer.from(session.sealedTokenKey);
  await statements.insertSession.execute({ ...session, sealedTokenKey });
}

function whereMeant(which: RevokeSessions['which']): SQL | undefined {
  if ('sessionId' in which) {
    const { sessionId, ofUserId } = which;
    const isOfUser = ofUserId === undefined ? undefined : eq(sessions.userId, ofUserId);
    return and(eq(sessions.id, sessionId), isOfUser);
  }
  const { userId, exceptSessionId } = which;
  const isOther = exceptSessionId === undefined ? undefined : ne(sessions.id, exceptSessionId);
  return and(eq(sessions.userId, userId), isOther);
}

/** @returns how many had not ended yet */
async function revoke(
  { db, tell }: Transaction,
  which: SQL | undefined,
  at: number,
): Promise<number> {
  const revoked = await db
    .update(sessions)
    .set({ revokedAt: at })
    .where(and(which, isNull(sessions.revokedAt)))
    .returning({ id: sessions.id, userId: sessions.userId, endsAt: sessions.idleExpiresAt });
  const [first] = revoked;
  if (first) {
    // More than one are all of one user.
    const { id, userId } = first;
    await tell(revoked.length > 1 && userId !== null ? { userId } : { sessionId: id });
  }
  return revoked.filter(({ endsAt }) => endsAt > at).length;
}

async function endReplaced(
  transaction: Transaction,
  replaced: ReplacedSession | null | undefined,
  at: number,
): Promise<void> {
  if (!replaced) return;
  if ((await revoke(transaction, eq(sessions.id, replaced.sessionId), at)) > 0) {
    transaction.record(replaced.event());
  }
}

/**
 * Ends the session of a token that was used before, if it still is what that was judged by.
 *
 * @returns whether it did
 */
async function endReused(
  { db, tell, record }: Transaction,
  { sessionId, now, reuseEvent }: RotateSession,
  { counter, sealedTokenKey, rotatedAt }: SessionRecord,
): Promise<boolean> {
  const [ended] = await db
    .update(sessions)
    .set({ revokedAt: now })
    .where(
      and(
        eq(sessions.id, sessionId),
        eq(sessions.counter, counter),
        eq(sessions.sealedTokenKey, Buffer.from(sealedTokenKey)),
        eq(sessions.rotatedAt, rotatedAt),
        isNull(sessions.revokedAt),
        whereUnexpired(now),
      ),
    )
    .returning({ id: sessions.id });
  if (!ended) return false;
  await tell({ sessionId });
  record(reuseEvent);
  return true;
}
