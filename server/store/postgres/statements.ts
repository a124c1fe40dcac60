import type { SQL } from 'drizzle-orm';
import type { Database } from './database.ts';
import { and, desc, eq, isNull, ne, sql } from './drizzle.ts';
import { auditEvents, auditHead, sessions, signingKeys, userColumns, users } from './schema.ts';

/** How many sessions of a user are looked at for where it was signed in. */
const maxAddresses = 200;

const given = sql.placeholder;

export const eventColumns = {
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

const sessionColumns = {
  id: sessions.id,
  userId: sessions.userId,
  counter: sessions.counter,
  sealedTokenKey: sessions.sealedTokenKey,
  createdAt: sessions.createdAt,
  lastSeenAt: sessions.lastSeenAt,
  rotatedAt: sessions.rotatedAt,
  expiresAt: sessions.expiresAt,
  idleExpiresAt: sessions.idleExpiresAt,
  idleTtlMs: sessions.idleTtlMs,
  revokedAt: sessions.revokedAt,
  ip: sessions.ip,
  userAgent: sessions.userAgent,
};

/** What `isUnexpired` says, in SQL. */
export function whereUnexpired(now: number | ReturnType<typeof sql.placeholder>): SQL {
  return sql`${sessions.expiresAt} > ${now} AND ${sessions.idleExpiresAt} > ${now}
    AND ${sessions.createdAt} - ${now} < ${sessions.expiresAt} - ${sessions.createdAt}`;
}

export function whereLive(now: number): SQL | undefined {
  return and(isNull(sessions.revokedAt), whereUnexpired(now));
}

export type Statements = ReturnType<typeof prepareStatements>;

/**
 * The statements of the ways in which most calls go. Each has a name, so that a connection parses
 * it once; the planner decides by itself when one plan is good for all.
 */
// oxlint-disable-next-line typescript/explicit-module-boundary-types -- drizzle's types are the columns'
export function prepareStatements(db: Database) {
  const credentials = () =>
    db.select({ user: userColumns, passwordHash: users.passwordHash }).from(users);
  const now = given('now');
  const head = {
    sequence: sql`${given('sequence')}`,
    hash: sql`${given('hash')}`,
    cutSequence: sql`${given('cutSequence')}`,
    cutHash: sql`${given('cutHash')}`,
    seal: sql`${given('seal')}`,
  };
  return {
    userById: db
      .select(userColumns)
      .from(users)
      .where(eq(users.id, given('id')))
      .prepare('latchkey_user_by_id'),
    credentialById: credentials()
      .where(eq(users.id, given('id')))
      .prepare('latchkey_credential_by_id'),
    credentialByEmail: credentials()
      .where(eq(users.email, given('email')))
      .prepare('latchkey_credential_by_email'),
    credentialByUsername: credentials()
      .where(eq(users.username, given('username')))
      .prepare('latchkey_credential_by_username'),
    lockedCredential: credentials()
      .where(eq(users.id, given('id')))
      .for('no key update')
      .prepare('latchkey_locked_credential'),
    insertSession: db
      .insert(sessions)
      .values({
        id: given('id'),
        userId: given('userId'),
        counter: given('counter'),
        sealedTokenKey: given('sealedTokenKey'),
        createdAt: given('createdAt'),
        lastSeenAt: given('lastSeenAt'),
        rotatedAt: given('rotatedAt'),
        expiresAt: given('expiresAt'),
        idleExpiresAt: given('idleExpiresAt'),
        idleTtlMs: given('idleTtlMs'),
        revokedAt: given('revokedAt'),
        ip: given('ip'),
        userAgent: given('userAgent'),
      })
      .prepare('latchkey_insert_session'),
    sessionWithUser: db
      .select({ session: sessions, user: userColumns })
      .from(sessions)
      .leftJoin(users, eq(users.id, sessions.userId))
      .where(eq(sessions.id, given('id')))
      .prepare('latchkey_session_with_user'),
    // The one statement that decides a refresh: of any number that present the same token at
    // once, in whatever process, one changes the row. The others wait for it and find it changed.
    rotateSession: db
      .update(sessions)
      .set({
        counter: sql`${sessions.counter} + 1`,
        rotatedAt: sql`${now}`,
        lastSeenAt: sql`${now}`,
        idleExpiresAt: sql`least(${sessions.expiresAt}, ${now} + ${sessions.idleTtlMs})`,
        ip: sql`${given('ip')}`,
        userAgent: sql`${given('userAgent')}`,
      })
      .from(users)
      .where(
        and(
          eq(sessions.id, given('id')),
          eq(users.id, sessions.userId),
          eq(sessions.counter, given('counter')),
          eq(sessions.sealedTokenKey, given('sealedTokenKey')),
          isNull(sessions.revokedAt),
          whereUnexpired(now),
        ),
      )
      .returning({ session: sessionColumns, user: userColumns })
      .prepare('latchkey_rotate_session'),
    /** Those of a user beyond so many others, beside the one that starts. */
    endSessionsBeyond: db
      .update(sessions)
      .set({ revokedAt: sql`${now}` })
      .where(
        and(
          isNull(sessions.revokedAt),
          sql`${sessions.id} IN ${db
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
            .offset(given('others'))}`,
        ),
      )
      .returning({ id: sessions.id })
      .prepare('latchkey_end_sessions_beyond'),
    addresses: db
      .select({ ip: sessions.ip })
      .from(sessions)
      .where(eq(sessions.userId, given('userId')))
      .orderBy(desc(sessions.id))
      .limit(maxAddresses)
      .prepare('latchkey_addresses'),
    auditHead: db.select(headColumns).from(auditHead).prepare('latchkey_audit_head'),
    lockedAuditHead: db
      .select(headColumns)
      .from(auditHead)
      .for('update')
      .prepare('latchkey_locked_audit_head'),
    insertAuditHead: db
      .insert(auditHead)
      .values({ id: 1, ...head })
      .onConflictDoNothing()
      .returning({ id: auditHead.id })
      .prepare('latchkey_insert_audit_head'),
    saveAuditHead: db.update(auditHead).set(head).prepare('latchkey_save_audit_head'),
    // In one statement with the head that it leads to: everybody waits until both are written.
    appendAuditEvent: db
      .with(db.$with('saved').as(db.update(auditHead).set(head).returning({ id: auditHead.id })))
      .insert(auditEvents)
      .values({
        sequence: given('sequence'),
        hash: given('hash'),
        id: given('eventId'),
        at: given('at'),
        type: given('type'),
        actorId: given('actorId'),
        userId: given('userId'),
        sessionId: given('sessionId'),
        ip: given('ip'),
        userAgent: given('userAgent'),
        detail: given('detail'),
      })
      .prepare('latchkey_append_audit_event'),
    anyKey: db.select({ id: signingKeys.id }).from(signingKeys).limit(1).prepare('latchkey_ping'),
  };
}
