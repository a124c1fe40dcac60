import { randomUUID } from 'node:crypto';
import { hash, verify } from '@node-rs/bcrypt';
import { initTRPC, TRPCError } from '@trpc/server';
import { createHTTPServer, type CreateHTTPContextOptions } from '@trpc/server/adapters/standalone';
import Database from 'better-sqlite3';
import { and, eq, gt, isNull } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { blob, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import { listen, reportReady } from './child.ts';
import { addresses, password } from './people.ts';
import { createRefreshToken, hashOf } from './session-file.ts';

// Signing in as applications with tRPC write it by hand, well but without looking at its cost: jose
// at every call with HS256, drizzle's queries as its documentation writes them, a table of refresh
// tokens of which each is used once, tRPC's standalone adapter. NODE_ENV=production; the file has
// Latchkey's durability (WAL, synchronous=FULL).
const [, , path = '', cost = '4', people = '1'] = process.argv;

const users = sqliteTable('users', {
  id: text().primaryKey(),
  email: text().notNull().unique(),
  emailVerified: integer('email_verified', { mode: 'boolean' }).notNull().default(false),
  username: text(),
  name: text(),
  passwordHash: text('password_hash').notNull(),
  role: text().notNull().default('user'),
  status: text().notNull().default('active'),
  createdAt: text('created_at').notNull(),
  updatedAt: text('updated_at').notNull(),
});
const sessions = sqliteTable('sessions', {
  id: text().primaryKey(),
  userId: text('user_id').notNull(),
  expiresAt: integer('expires_at').notNull(),
  revokedAt: integer('revoked_at'),
});
const refreshTokens = sqliteTable('refresh_tokens', {
  hash: blob({ mode: 'buffer' }).primaryKey(),
  sessionId: text('session_id').notNull(),
  usedAt: integer('used_at'),
});

const sqlite = new Database(path);
sqlite.pragma('journal_mode = WAL');
sqlite.pragma('synchronous = FULL');
sqlite.exec(`
  CREATE TABLE users (
    id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, email_verified INTEGER NOT NULL DEFAULT 0,
    username TEXT, name TEXT, password_hash TEXT NOT NULL, role TEXT NOT NULL DEFAULT 'user',
    status TEXT NOT NULL DEFAULT 'active', created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
  CREATE TABLE sessions (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users (id), expires_at INTEGER NOT NULL,
    revoked_at INTEGER);
  CREATE TABLE refresh_tokens (
    hash BLOB PRIMARY KEY, session_id TEXT NOT NULL REFERENCES sessions (id), used_at INTEGER)`);
const db = drizzle(sqlite);
for (const email of addresses(Number(people))) {
  const now = new Date().toISOString();
  const passwordHash = await hash(password, { cost: Number(cost) });
  db.insert(users)
    .values({ id: randomUUID(), email, passwordHash, createdAt: now, updatedAt: now })
    .run();
}

const secret = new TextEncoder().encode('for the bench alone: nothing outlives it');
const issuer = 'https://bench.example.com';
const sessionTtlMs = 30 * 24 * 3_600_000;

type UserRow = typeof users.$inferSelect;

function toUser(row: UserRow) {
  const { id, email, emailVerified, username, name, role, status, createdAt, updatedAt } = row;
  return { id, email, emailVerified, username, name, role, status, createdAt, updatedAt };
}

async function answer(user: UserRow, sessionId: string, refreshToken: string) {
  const accessToken = await new SignJWT({ sid: sessionId, role: user.role })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(user.id)
    .setIssuer(issuer)
    .setIssuedAt()
    .setExpirationTime('1d')
    .sign(secret);
  return {
    accessToken,
    tokenType: 'Bearer',
    expiresIn: 86_400,
    refreshToken,
    user: toUser(user),
  };
}

async function findCaller({ req }: CreateHTTPContextOptions): Promise<UserRow | null> {
  const token = req.headers.authorization?.split(' ')[1];
  if (token === undefined) return null;
  const options = { issuer, algorithms: ['HS256'] };
  // Whatever is wrong with a token, there is no caller.
  const verified = await jwtVerify<{ sid: string }>(token, secret, options).catch(() => null);
  if (!verified) return null;
  const found = db
    .select()
    .from(sessions)
    .innerJoin(users, eq(users.id, sessions.userId))
    .where(
      and(
        eq(sessions.id, verified.payload.sid),
        isNull(sessions.revokedAt),
        gt(sessions.expiresAt, Date.now()),
        eq(users.status, 'active'),
      ),
    )
    .get();
  return found?.users ?? null;
}

const t = initTRPC.context<CreateHTTPContextOptions>().create();
const signedIn = t.procedure.use(async ({ ctx, next }) => {
  const user = await findCaller(ctx);
  if (!user) throw new TRPCError({ code: 'UNAUTHORIZED' });
  return next({ ctx: { user } });
});

const router = t.router({
  user: t.router({ me: signedIn.query(({ ctx }) => toUser(ctx.user)) }),
  auth: t.router({
    login: t.procedure
      .input(z.object({ email: z.string(), password: z.string() }))
      .mutation(async ({ input }) => {
        const user = db.select().from(users).where(eq(users.email, input.email)).get();
        if (!user || !(await verify(input.password, user.passwordHash))) {
          throw new TRPCError({ code: 'UNAUTHORIZED' });
        }
        const sessionId = randomUUID();
        const refreshToken = createRefreshToken();
        db.transaction((tx) => {
          const expiresAt = Date.now() + sessionTtlMs;
          tx.insert(sessions).values({ id: sessionId, userId: user.id, expiresAt }).run();
          tx.insert(refreshTokens)
            .values({ hash: hashOf(refreshToken), sessionId })
            .run();
        });
        return answer(user, sessionId, refreshToken);
      }),
    refresh: t.procedure
      .input(z.object({ refreshToken: z.string() }))
      .mutation(async ({ input }) => {
        const refreshToken = createRefreshToken();
        const { users: user, sessions: session } = db.transaction((tx) => {
          const found = tx
            .select()
            .from(refreshTokens)
            .innerJoin(sessions, eq(sessions.id, refreshTokens.sessionId))
            .innerJoin(users, eq(users.id, sessions.userId))
            .where(
              and(
                eq(refreshTokens.hash, hashOf(input.refreshToken)),
                isNull(refreshTokens.usedAt),
                isNull(sessions.revokedAt),
                gt(sessions.expiresAt, Date.now()),
              ),
            )
            .get();
          if (!found) throw new TRPCError({ code: 'UNAUTHORIZED' });
          tx.update(refreshTokens)
            .set({ usedAt: Date.now() })
            .where(eq(refreshTokens.hash, found.refresh_tokens.hash))
            .run();
          tx.insert(refreshTokens)
            .values({ hash: hashOf(refreshToken), sessionId: found.sessions.id })
            .run();
          return found;
        });
        return answer(user, session.id, refreshToken);
      }),
  }),
});
reportReady(
  await listen(createHTTPServer({ router, basePath: '/trpc/', createContext: (source) => source })),
);
