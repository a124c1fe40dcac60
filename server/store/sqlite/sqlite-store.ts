import { setImmediate as turnOfEventLoop } from 'node:timers/promises';
import type Database from 'better-sqlite3';
import type { SQL } from 'drizzle-orm';
import { isInGrace } from '../../../shared/is-in-grace.ts';
import { isUnexpired } from '../../../shared/is-unexpired.ts';
import type {
  AuditHead,
  AuditRecord,
  CredentialRecord,
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
  SetRole,
  SetStatus,
  StartSession,
  Store,
  UpdateProfile,
} from '../store.ts';
import { createCommitGroup } from './commit-group.ts';
import { createCounts } from './count.ts';
import {
  and,
  desc,
  drizzle,
  eq,
  exists,
  gt,
  inArray,
  isNull,
  lt,
  lte,
  ne,
  sql,
} from './drizzle.ts';
import { createUserList } from './list-users.ts';
import { createLockLine } from './lock-line.ts';
import { auditEvents, auditHead, sessions, signingKeys, userColumns, users } from './schema.ts';
import { createSessionMemory } from './session-memory.ts';

/** How many sessions of a user are looked at for where it was signed in. */
const maxAddresses = 200;

const eventColumns = {
  id: auditEvents.id,
  at: auditEvents.at,
  type: auditEvents.type,
  actorId: auditEvents.actorId,
  userId: auditEvents.userId,
  sessionId: auditEvents.sessionId,
  ip: auditEvents.ip,
  userAgent: auditEvents.userAgent,
  detail: auditEvents.detail,
};

const headColumns = {
  sequence: auditHead.sequence,
  hash: auditHead.hash,
  cutSequence: auditHead.cutSequence,
  cutHash: auditHead.cutHash,
  seal: auditHead.seal,
};
const headValues = {
  sequence: sql`${sql.placeholder('sequence')}`,
  hash: sql`${sql.placeholder('hash')}`,
  cutSequence: sql`${sql.placeholder('cutSequence')}`,
  cutHash: sql`${sql.placeholder('cutHash')}`,
  seal: sql`${sql.placeholder('seal')}`,
};

/**
 * The store on one SQLite file. Transactions are synchronous and begin with the
 * write lock (`BEGIN IMMEDIATE`), so that nothing comes between a check and its act.
 */
export function createSqliteStore(
  database: Database.Database,
  runtime: Runtime,
  auditChain: AuditLinking,
): Store {
  const db = drizzle(database);
  const statements = prepareStatements(db);
  // A reader has no reason to stand behind the writers.
  const read = createLockLine(runtime);
  const commit = createCommitGroup(database, createLockLine(runtime));
  const memory = createSessionMemory(database, (id) => statements.sessionWithUser.get({ id }));

  /** What was read before may be another after it. */
  function write<T>(work: () => T): Promise<T> {
    return commit(() => {
      memory.forgetAll();
      return work();
    });
  }

  function record(event: AuditRecord): void {
    const head = auditChain.append(statements.auditHead.get() ?? null, event);
    const { sequence, hash } = head;
    statements.insertAuditEvent.run({ ...event, sequence, hash: Buffer.from(hash) });
    saveHead(head);
  }

  function saveHead(head: AuditHead): void {
    statements.saveAuditHead.run({
      sequence: head.sequence,
      hash: Buffer.from(head.hash),
      cutSequence: head.cutSequence,
      cutHash: Buffer.from(head.cutHash),
      seal: Buffer.from(head.seal),
    });
  }

  function userById(userId: string): UserRecord | undefined {
    return statements.userById.get({ id: userId });
  }

  function isLastAdmin(user: UserRecord): boolean {
    if (user.role !== 'admin' || user.status !== 'active') return false;
    return statements.otherActiveAdmin.get({ id: user.id }) === undefined;
  }

  function revoke(which: SQL | undefined, at: number): string[] {
    return db
      .update(sessions)
      .set({ revokedAt: at })
      .where(and(which, isNull(sessions.revokedAt)))
      .returning({ id: sessions.id, endsAt: sessions.idleExpiresAt })
      .all()
      .filter((session) => session.endsAt > at)
      .map((session) => session.id);
  }

  /** Leaves so many beside the one that starts, which counts as the newest whatever the clocks said. */
  function endOldestSessions(
    { id, userId, createdAt }: StartSession['session'],
    others: number,
  ): void {
    const beyond = statements.sessionsBeyond.all({ id, userId, now: createdAt, others });
    if (beyond.length > 0) {
      revoke(
        inArray(
          sessions.id,
          beyond.map((session) => session.id),
        ),
        createdAt,
      );
    }
  }

  function endReplaced(replaced: ReplacedSession | null | undefined, at: number): void {
    if (replaced && revoke(eq(sessions.id, replaced.sessionId), at).length > 0) {
      record(replaced.event());
    }
  }

  return {
    createUser: ({ user, passwordHash, session, replaced, event, onlyWithoutAdmin }: CreateUser) =>
      write((): CreateUserOutcome => {
        if (onlyWithoutAdmin === true && statements.otherActiveAdmin.get({ id: '' })) {
          return 'admin_exists';
        }
        if (statements.credentialByEmail.get({ email: user.email })) return 'email_taken';
        if (
          user.username !== null &&
          statements.credentialByUsername.get({ username: user.username })
        ) {
          return 'username_taken';
        }
        db.insert(users)
          .values({ ...user, passwordHash, searchText: searchTextOf(user) })
          .run();
        if (session) {
          endReplaced(replaced, session.createdAt);
          statements.insertSession.run({ ...session });
        }
        record(event);
        return 'created';
      }),

    findUser: (userId) => read(() => userById(userId) ?? null),

    findCredential: (key: CredentialKey) =>
      read((): CredentialRecord | null => {
        const row =
          'email' in key
            ? statements.credentialByEmail.get({ email: key.email })
            : 'username' in key
              ? statements.credentialByUsername.get({ username: key.username })
              : statements.credentialById.get({ id: key.userId });
        return row ?? null;
      }),

    listUsers: createUserList(db, read),

    updateProfile: ({ userId, name, username, at, event }: UpdateProfile) =>
      write((): UserRecord | 'not_found' | 'username_taken' => {
        const user = userById(userId);
        if (!user) return 'not_found';
        const changed: UserRecord = {
          ...user,
          name: name === undefined ? user.name : name,
          username: username === undefined ? user.username : username,
          updatedAt: at,
        };
        if (changed.username !== null && changed.username !== user.username) {
          const holder = statements.credentialByUsername.get({ username: changed.username });
          if (holder) return 'username_taken';
        }
        db.update(users)
          .set({ ...changed, searchText: searchTextOf(changed) })
          .where(eq(users.id, userId))
          .run();
        record(event);
        return changed;
      }),

    upgradePasswordHash: ({ userId, from, to }) =>
      write(() => {
        db.update(users)
          .set({ passwordHash: to })
          .where(and(eq(users.id, userId), eq(users.passwordHash, from)))
          .run();
      }),

    changePassword: ({ userId, from, to, sessionId, sealedTokenKey, at, event }: ChangePassword) =>
      write((): 'changed' | 'outdated' => {
        const rekeyed = db
          .update(sessions)
          .set({ sealedTokenKey: Buffer.from(sealedTokenKey), counter: 0, rotatedAt: at })
          .where(
            and(
              eq(sessions.id, sessionId),
              eq(sessions.userId, userId),
              isNull(sessions.revokedAt),
              exists(
                db
                  .select({ id: users.id })
                  .from(users)
                  .where(
                    and(
                      eq(users.id, userId),
                      eq(users.passwordHash, from),
                      eq(users.status, 'active'),
                    ),
                  ),
              ),
            ),
          )
          .run();
        if (rekeyed.changes === 0) return 'outdated';
        db.update(users).set({ passwordHash: to, updatedAt: at }).where(eq(users.id, userId)).run();
        revoke(and(eq(sessions.userId, userId), ne(sessions.id, sessionId)), at);
        record(event);
        return 'changed';
      }),

    setRole: ({ userId, role, at, event }: SetRole) =>
      write((): UserRecord | 'not_found' | 'last_admin' => {
        const user = userById(userId);
        if (!user) return 'not_found';
        if (user.role === role) return user;
        if (isLastAdmin(user)) return 'last_admin';
        const changed: UserRecord = {
          ...user,
          role,
          authorizationVersion: user.authorizationVersion + 1,
          updatedAt: at,
        };
        db.update(users).set(changed).where(eq(users.id, userId)).run();
        record(event);
        return changed;
      }),

    setStatus: ({ userId, status, at, event }: SetStatus) =>
      write((): UserRecord | 'not_found' | 'last_admin' => {
        const user = userById(userId);
        if (!user) return 'not_found';
        if (user.status === status) return user;
        if (isLastAdmin(user)) return 'last_admin';
        const changed: UserRecord = { ...user, status, updatedAt: at };
        db.update(users).set(changed).where(eq(users.id, userId)).run();
        if (status === 'disabled') revoke(eq(sessions.userId, userId), at);
        record(event);
        return changed;
      }),

    deleteUser: ({ userId, passwordHash, at, event }: DeleteUser) =>
      write((): 'deleted' | 'outdated' | 'last_admin' => {
        const credential = statements.credentialById.get({ id: userId });
        if (!credential || credential.passwordHash !== passwordHash) return 'outdated';
        if (isLastAdmin(credential.user)) return 'last_admin';
        revoke(eq(sessions.userId, userId), at);
        // What is left of a session says that it has ended, not whose it was.
        db.update(sessions)
          .set({ ip: null, userAgent: null })
          .where(eq(sessions.userId, userId))
          .run();
        db.delete(users).where(eq(users.id, userId)).run();
        record(event);
        return 'deleted';
      }),

    startSession: ({ session, passwordHash, maxSessions, replaced, event }: StartSession) =>
      write((): UserRecord | null => {
        const credential = statements.credentialById.get({ id: session.userId });
        if (credential?.passwordHash !== passwordHash) return null;
        if (credential.user.status !== 'active') return null;
        endReplaced(replaced, session.createdAt);
        statements.insertSession.run({ ...session });
        endOldestSessions(session, maxSessions - 1);
        record(event);
        return credential.user;
      }),

    findSession: (sessionId) => read(() => memory.read(sessionId)),

    recallSession(sessionId) {
      try {
        return memory.recall(sessionId);
      } catch {
        return undefined; // What stands in the way, `findSession` says.
      }
    },

    listAddresses: (userId) =>
      read(() => statements.addresses.all({ userId }).flatMap(({ ip }) => ip ?? [])),

    listSessions: (userId, now) =>
      read(() =>
        db
          .select()
          .from(sessions)
          .where(and(eq(sessions.userId, userId), whereLive(now)))
          .orderBy(desc(sessions.id))
          .all(),
      ),

    rotateSession: ({ sessionId, counter, now, graceMs, origin, ...command }: RotateSession) =>
      commit((): RotateOutcome => {
        memory.forget(sessionId);
        const sealedTokenKey = Buffer.from(command.sealedTokenKey);
        const rotated = statements.rotateSession.get({
          id: sessionId,
          counter,
          sealedTokenKey,
          now,
          ip: origin.ip,
          userAgent: origin.userAgent,
        });
        const found = statements.sessionWithUser.get({ id: sessionId });
        if (!found?.session.sealedTokenKey.equals(sealedTokenKey)) return { kind: 'unknown' };
        const { session, user } = found;
        if (rotated && user) return { kind: 'rotated', session, user };
        if (session.revokedAt !== null || user === null) return { kind: 'revoked' };
        if (!isUnexpired(session, now)) return { kind: 'expired' };
        if (isInGrace(session, { counter, now, graceMs })) {
          return { kind: 'repeated', session, user };
        }
        revoke(eq(sessions.id, sessionId), now);
        record(command.reuseEvent);
        return { kind: 'reused' };
      }),

    revokeSessions: ({ which, at, event }: RevokeSessions) =>
      write(() => {
        const meant =
          'sessionId' in which
            ? and(
                eq(sessions.id, which.sessionId),
                which.ofUserId === undefined ? undefined : eq(sessions.userId, which.ofUserId),
              )
            : and(
                eq(sessions.userId, which.userId),
                which.exceptSessionId === undefined
                  ? undefined
                  : ne(sessions.id, which.exceptSessionId),
              );
        const revoked = revoke(meant, at).length;
        if (revoked > 0) record(event(revoked));
        return revoked;
      }),

    pruneSessions: ({ before, limit }) =>
      write(() => {
        const ended = db
          .select({ id: sessions.id })
          .from(sessions)
          .where(lt(sessions.expiresAt, before))
          .limit(limit);
        return db.delete(sessions).where(inArray(sessions.id, ended)).run().changes;
      }),

    listSigningKeys: () =>
      read((): SigningKeyRecord[] => db.select().from(signingKeys).orderBy(signingKeys.id).all()),

    replaceSigningKeys: ({ expectedActiveId, active, next, at, event }: ReplaceSigningKeys) =>
      write(() => {
        const inService = db
          .select({ id: signingKeys.id })
          .from(signingKeys)
          .where(eq(signingKeys.status, 'active'))
          .get();
        if ((inService?.id ?? null) !== expectedActiveId) return false;
        db.update(signingKeys)
          .set({ status: 'retired', retiredAt: at })
          .where(and(ne(signingKeys.status, 'retired'), ne(signingKeys.id, active.id)))
          .run();
        for (const key of [active, next]) {
          const values = { ...key, sealedPrivateJwk: Buffer.from(key.sealedPrivateJwk) };
          db.insert(signingKeys)
            .values(values)
            .onConflictDoUpdate({ target: signingKeys.id, set: { status: key.status } })
            .run();
        }
        record(event);
        return true;
      }),

    pruneSigningKeys: (before) =>
      write(() => {
        db.delete(signingKeys)
          .where(and(eq(signingKeys.status, 'retired'), lt(signingKeys.retiredAt, before)))
          .run();
      }),

    recordAuditEvent: (event) => commit(() => record(event)),

    findAuditHead: () => read(() => statements.auditHead.get() ?? null),

    listAuditLinks: ({ after, limit }) =>
      read(() =>
        db
          .select({ sequence: auditEvents.sequence, hash: auditEvents.hash, event: eventColumns })
          .from(auditEvents)
          .where(gt(auditEvents.sequence, after))
          .orderBy(auditEvents.sequence)
          .limit(limit)
          .all(),
      ),

    pruneAuditEvents: ({ before, limit }) =>
      write(() => {
        const { sequence, hash, at: recordedAt } = auditEvents;
        const oldest = db
          .select({ sequence, hash, at: recordedAt })
          .from(auditEvents)
          .orderBy(auditEvents.sequence)
          .limit(limit)
          .all();
        const kept = oldest.findIndex(({ at }) => at >= before);
        const last = oldest.at(kept === -1 ? oldest.length - 1 : kept - 1);
        const head = statements.auditHead.get();
        if (kept === 0 || !last || !head) return 0;
        saveHead(auditChain.cut(head, last));
        return db.delete(auditEvents).where(lte(auditEvents.sequence, last.sequence)).run().changes;
      }),

    listAuditEvents: ({ userId, type, limit, cursor }: AuditQuery) =>
      read(() =>
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
                  : sql`+${auditEvents.type} = ${type}`,
              cursor === undefined ? undefined : lt(auditEvents.id, cursor),
            ),
          )
          .orderBy(desc(auditEvents.id))
          .limit(limit)
          .all(),
      ),

    ...createCounts(db, read, whereLive),

    ping: () =>
      read(() => {
        db.select({ id: signingKeys.id }).from(signingKeys).limit(1).get();
      }),

    async close() {
      // What was asked for in this turn is committed first.
      await turnOfEventLoop();
      database.close();
    },
  };
}

function whereLive(now: number): SQL | undefined {
  return and(isNull(sessions.revokedAt), whereUnexpired(now));
}

/** What `isUnexpired` says, in SQL. */
function whereUnexpired(now: number | SQL.Aliased | ReturnType<typeof sql.placeholder>): SQL {
  return sql`${sessions.expiresAt} > ${now} AND ${sessions.idleExpiresAt} > ${now}
    AND ${sessions.createdAt} - ${now} < ${sessions.expiresAt} - ${sessions.createdAt}`;
}

/**
 * A value to look a row up by. SQLite is built to look at such values before it plans, and would
 * compile the statement anew for each; the sign takes them out of its sight and changes nothing else.
 */
function given(name: string): SQL {
  return sql`+${sql.placeholder(name)}`;
}

/** The statements of the ways in which most calls go, compiled once. */
function prepareStatements(db: ReturnType<typeof drizzle>) {
  const credentials = () =>
    db.select({ user: userColumns, passwordHash: users.passwordHash }).from(users);
  const now = sql.placeholder('now');
  return {
    userById: db
      .select(userColumns)
      .from(users)
      .where(eq(users.id, given('id')))
      .prepare(),
    credentialById: credentials()
      .where(eq(users.id, given('id')))
      .prepare(),
    credentialByEmail: credentials()
      .where(eq(users.email, given('email')))
      .prepare(),
    credentialByUsername: credentials()
      .where(eq(users.username, given('username')))
      .prepare(),
    otherActiveAdmin: db
      .select({ id: users.id })
      .from(users)
      .where(and(eq(users.role, 'admin'), eq(users.status, 'active'), ne(users.id, given('id'))))
      .limit(1)
      .prepare(),
    insertSession: db
      .insert(sessions)
      .values({
        id: sql.placeholder('id'),
        userId: sql.placeholder('userId'),
        counter: sql.placeholder('counter'),
        sealedTokenKey: sql.placeholder('sealedTokenKey'),
        createdAt: sql.placeholder('createdAt'),
        lastSeenAt: sql.placeholder('lastSeenAt'),
        rotatedAt: sql.placeholder('rotatedAt'),
        expiresAt: sql.placeholder('expiresAt'),
        idleExpiresAt: sql.placeholder('idleExpiresAt'),
        idleTtlMs: sql.placeholder('idleTtlMs'),
        revokedAt: sql.placeholder('revokedAt'),
        ip: sql.placeholder('ip'),
        userAgent: sql.placeholder('userAgent'),
      })
      .prepare(),
    sessionWithUser: db
      .select({ session: sessions, user: userColumns })
      .from(sessions)
      .leftJoin(users, eq(users.id, sessions.userId))
      .where(eq(sessions.id, given('id')))
      .prepare(),
    // The one statement that decides a refresh: of any number that present the
    // same token at once, one changes the row.
    rotateSession: db
      .update(sessions)
      .set({
        counter: sql`${sessions.counter} + 1`,
        rotatedAt: sql`${now}`,
        lastSeenAt: sql`${now}`,
        idleExpiresAt: sql`min(${sessions.expiresAt}, ${now} + ${sessions.idleTtlMs})`,
        ip: sql`${sql.placeholder('ip')}`,
        userAgent: sql`${sql.placeholder('userAgent')}`,
      })
      .where(
        and(
          eq(sessions.id, given('id')),
          eq(sessions.counter, sql.placeholder('counter')),
          eq(sessions.sealedTokenKey, sql.placeholder('sealedTokenKey')),
          isNull(sessions.revokedAt),
          whereUnexpired(now),
        ),
      )
      .returning({ id: sessions.id })
      .prepare(),
    sessionsBeyond: db
      .select({ id: sessions.id })
      .from(sessions)
      .where(
        and(
          eq(sessions.userId, given('userId')),
          ne(sessions.id, given('id')),
          isNull(sessions.revokedAt),
          whereUnexpired(now),
        ),
      )
      .orderBy(desc(sessions.id))
      .limit(1_000)
      .offset(sql.placeholder('others'))
      .prepare(),
    addresses: db
      .select({ ip: sessions.ip })
      .from(sessions)
      .where(eq(sessions.userId, given('userId')))
      .orderBy(desc(sessions.id))
      .limit(maxAddresses)
      .prepare(),
    auditHead: db.select(headColumns).from(auditHead).prepare(),
    saveAuditHead: db
      .insert(auditHead)
      .values({ id: 1, ...headValues })
      .onConflictDoUpdate({ target: auditHead.id, set: headValues })
      .prepare(),
    insertAuditEvent: db
      .insert(auditEvents)
      .values({
        sequence: sql.placeholder('sequence'),
        hash: sql.placeholder('hash'),
        id: sql.placeholder('id'),
        at: sql.placeholder('at'),
        type: sql.placeholder('type'),
        actorId: sql.placeholder('actorId'),
        userId: sql.placeholder('userId'),
        sessionId: sql.placeholder('sessionId'),
        ip: sql.placeholder('ip'),
        userAgent: sql.placeholder('userAgent'),
        detail: sql.placeholder('detail'),
      })
      .prepare(),
  };
}
