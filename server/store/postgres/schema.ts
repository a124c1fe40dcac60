import {
  bigint,
  boolean,
  customType,
  index,
  integer,
  pgTable,
  sql,
  unique,
  uniqueIndex,
  varchar,
} from './drizzle.ts';

/**
 * Tables on PostgreSQL, with the names and columns of those on SQLite. Times are milliseconds
 * since the Unix epoch.
 */

/** Compared byte by byte: the order of ids is that of time whatever the database's locale says. */
const text = customType<{ data: string }>({ dataType: () => 'text COLLATE "C"' });
const bytes = customType<{ data: Buffer }>({ dataType: () => 'bytea' });
/** Text, because jsonb takes no `\u0000`. */
const json = customType<{ data: Readonly<Record<string, unknown>>; driverData: string }>({
  dataType: () => 'text',
  toDriver: (value) => JSON.stringify(value),
  // What was written is what stands above.
  fromDriver: (value) => JSON.parse(value) as Readonly<Record<string, unknown>>,
});
const int = (name?: string) => bigint(name ?? '', { mode: 'number' });

export const users = pgTable(
  'users',
  {
    /** The order in which users were added: that of every list. */
    number: bigint({ mode: 'number' }).primaryKey().generatedByDefaultAsIdentity(),
    id: text().notNull(),
    email: text().notNull(),
    emailVerified: boolean('email_verified').notNull(),
    username: text(),
    name: text(),
    role: text().notNull(),
    status: text().$type<'active' | 'disabled'>().notNull(),
    authorizationVersion: int('authorization_version').notNull(),
    passwordHash: text('password_hash'),
    // Folded before it is written, as on SQLite, so that both find the same.
    searchText: text('search_text').notNull(),
    createdAt: int('created_at').notNull(),
    updatedAt: int('updated_at').notNull(),
  },
  (table) => [
    unique('users_id').on(table.id),
    unique('users_email').on(table.email),
    unique('users_username').on(table.username),
    index('users_role').on(table.role, table.number),
    index('users_status').on(table.status, table.number),
    index('users_role_status').on(table.role, table.status, table.number),
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

export const sessions = pgTable(
  'sessions',
  {
    id: text().primaryKey(),
    // A deleted user's sessions stay, without the user, to answer that they have ended.
    userId: text('user_id').references(() => users.id, { onDelete: 'set null' }),
    counter: bigint({ mode: 'number' }).notNull(),
    sealedTokenKey: bytes('sealed_token_key').notNull(),
    createdAt: int('created_at').notNull(),
    lastSeenAt: int('last_seen_at').notNull(),
    rotatedAt: int('rotated_at').notNull(),
    expiresAt: int('expires_at').notNull(),
    idleExpiresAt: int('idle_expires_at').notNull(),
    idleTtlMs: int('idle_ttl_ms').notNull(),
    revokedAt: int('revoked_at'),
    ip: text(),
    userAgent: text('user_agent'),
  },
  (table) => [
    index('sessions_by_user').on(table.userId, table.id),
    index('sessions_by_expiry').on(table.expiresAt),
  ],
);

export const signingKeys = pgTable(
  'signing_keys',
  {
    id: text().primaryKey(),
    algorithm: text().notNull(),
    status: text().$type<'next' | 'active' | 'retired'>().notNull(),
    publicJwk: text('public_jwk'),
    sealedPrivateJwk: bytes('sealed_private_jwk').notNull(),
    createdAt: int('created_at').notNull(),
    retiredAt: int('retired_at'),
  },
  (table) => [
    // However many processes rotate at once, one key signs and one waits.
    uniqueIndex('signing_keys_one_in_service')
      .on(table.status)
      .where(sql`${table.status} <> 'retired'`),
  ],
);

export const auditEvents = pgTable(
  'audit_events',
  {
    /** The order in which events were recorded, by whichever process. */
    sequence: bigint({ mode: 'number' }).primaryKey(),
    hash: bytes().notNull(),
    id: text().notNull(),
    at: bigint({ mode: 'number' }).notNull(),
    type: text().notNull(),
    actorId: text('actor_id'),
    userId: text('user_id'),
    sessionId: text('session_id'),
    ip: text(),
    userAgent: text('user_agent'),
    detail: json().notNull(),
  },
  (table) => [
    unique('audit_events_by_id').on(table.id),
    index('audit_events_by_user').on(table.userId, table.id),
    index('audit_events_by_type').on(table.type, table.id),
  ],
);

/** One row: the end of the audit log. Whoever records locks it. */
export const auditHead = pgTable('audit_head', {
  id: integer().primaryKey(),
  sequence: bigint({ mode: 'number' }).notNull(),
  hash: bytes().notNull(),
  cutSequence: int('cut_sequence').notNull(),
  cutHash: bytes('cut_hash').notNull(),
  seal: bytes().notNull(),
});

/**
 * What rate-limiter-flexible counts, in the shape that it expects. Nobody else reads it. Unlogged:
 * what a crash loses are budgets in part used up.
 *
 * @public for drizzle-kit, which makes the migration of it
 */
export const rateLimits = pgTable('rate_limits', {
  key: varchar({ length: 255 }).primaryKey(),
  points: integer().notNull().default(0),
  expire: int(),
});
