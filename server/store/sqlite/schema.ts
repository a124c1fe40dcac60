import { blob, index, integer, sql, sqliteTable, text, uniqueIndex } from './drizzle.ts';

/** Tables on SQLite. Times are milliseconds since the Unix epoch. */

export const users = sqliteTable(
  'users',
  {
    /** The order in which users were added: that of every list, and of the index of texts. */
    number: integer().primaryKey(),
    id: text().notNull(),
    email: text().notNull(),
    emailVerified: integer('email_verified', { mode: 'boolean' }).notNull(),
    username: text(),
    name: text(),
    role: text().notNull(),
    status: text({ enum: ['active', 'disabled'] }).notNull(),
    authorizationVersion: integer('authorization_version').notNull(),
    passwordHash: text('password_hash'),
    // SQLite folds ASCII alone, so what is searched is folded before it is written.
    searchText: text('search_text').notNull(),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
  },
  (table) => [
    uniqueIndex('users_id').on(table.id),
    uniqueIndex('users_email').on(table.email),
    uniqueIndex('users_username').on(table.username),
    // Each ends with the number (SQLite, "Rowid Tables"), which is the order of a list.
    index('users_role').on(table.role),
    index('users_status').on(table.status),
    index('users_role_status').on(table.role, table.status),
  ],
);

/** What a reader of users gets. */
export const userColumns = {
  id: users.id,
  email: users.email,
  emailVerified: users.emailVerified,
  username: users.username,
  name: users.name,
  role: users.role,
  status: users.status,
  authorizationVersion: users.authorizationVersion,
  createdAt: users.createdAt,
  updatedAt: users.updatedAt,
};

export const sessions = sqliteTable(
  'sessions',
  {
    id: text().primaryKey(),
    // A deleted user's sessions stay, without the user, to answer that they have ended.
    userId: text('user_id').references(() => users.id, { onDelete: 'set null' }),
    counter: integer().notNull(),
    sealedTokenKey: blob('sealed_token_key', { mode: 'buffer' }).notNull(),
    createdAt: integer('created_at').notNull(),
    lastSeenAt: integer('last_seen_at').notNull(),
    rotatedAt: integer('rotated_at').notNull(),
    expiresAt: integer('expires_at').notNull(),
    idleExpiresAt: integer('idle_expires_at').notNull(),
    idleTtlMs: integer('idle_ttl_ms').notNull(),
    revokedAt: integer('revoked_at'),
    ip: text(),
    userAgent: text('user_agent'),
  },
  (table) => [
    index('sessions_by_user').on(table.userId, table.id),
    index('sessions_by_expiry').on(table.expiresAt),
  ],
);

export const signingKeys = sqliteTable(
  'signing_keys',
  {
    id: text().primaryKey(),
    algorithm: text().notNull(),
    status: text({ enum: ['next', 'active', 'retired'] }).notNull(),
    publicJwk: text('public_jwk'),
    sealedPrivateJwk: blob('sealed_private_jwk', { mode: 'buffer' }).notNull(),
    createdAt: integer('created_at').notNull(),
    retiredAt: integer('retired_at'),
  },
  (table) => [
    // However many processes rotate at once, one key signs and one waits.
    uniqueIndex('signing_keys_one_in_service')
      .on(table.status)
      .where(sql`${table.status} <> 'retired'`),
  ],
);

export const auditEvents = sqliteTable(
  'audit_events',
  {
    /** The order in which events were recorded, by whichever process. */
    sequence: integer().primaryKey(),
    hash: blob({ mode: 'buffer' }).notNull(),
    id: text().notNull(),
    at: integer().notNull(),
    type: text().notNull(),
    actorId: text('actor_id'),
    userId: text('user_id'),
    sessionId: text('session_id'),
    ip: text(),
    userAgent: text('user_agent'),
    detail: text({ mode: 'json' }).$type<Readonly<Record<string, unknown>>>().notNull(),
  },
  (table) => [
    uniqueIndex('audit_events_by_id').on(table.id),
    index('audit_events_by_user').on(table.userId, table.id),
    index('audit_events_by_type').on(table.type, table.id),
  ],
);

/** One row: the end of the audit log. */
export const auditHead = sqliteTable('audit_head', {
  id: integer().primaryKey(),
  sequence: integer().notNull(),
  hash: blob({ mode: 'buffer' }).notNull(),
  cutSequence: integer('cut_sequence').notNull(),
  cutHash: blob('cut_hash', { mode: 'buffer' }).notNull(),
  seal: blob({ mode: 'buffer' }).notNull(),
});
