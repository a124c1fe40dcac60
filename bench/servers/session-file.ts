import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { hash, verify } from '@node-rs/bcrypt';
import Database from 'better-sqlite3';
import type { User } from '../../shared/schemas.ts';
import { addresses, password } from './people.ts';

/** What a careful application on Express or Fastify keeps: see `openSessionFile`. */
export interface SessionFile {
  /** The user of a session that has not ended. */
  findUser(sessionId: string): User | null;
  /** Starts a session if the password fits. */
  signIn(email: string, password: string): Promise<Session | null>;
  /** Takes a refresh token and gives the next one. */
  rotate(refreshToken: string): Session | null;
}

export interface Session {
  readonly id: string;
  readonly user: User;
  readonly refreshToken: string;
}

const sessionTtlMs = 30 * 24 * 3_600_000;

/**
 * Users and sessions in SQLite for the servers that bring no store of their own, as well done as
 * is usual: prepared statements, refresh tokens hashed, one guarded UPDATE for a rotation, and
 * Latchkey's durability (WAL, synchronous=FULL).
 *
 * @param options.cost of the bcrypt hashes
 */
export async function openSessionFile(options: {
  readonly path: string;
  readonly cost: number;
  readonly people: number;
}): Promise<SessionFile> {
  const database = new Database(options.path);
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.exec(`
    CREATE TABLE users (
      id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, password_hash TEXT NOT NULL, role TEXT NOT NULL,
      status TEXT NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
    CREATE TABLE sessions (
      id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users (id),
      refresh_hash BLOB NOT NULL UNIQUE, expires_at INTEGER NOT NULL, revoked_at INTEGER)`);

  const insertUser = database.prepare(`
    INSERT INTO users VALUES (:id, :email, :passwordHash, 'user', 'active', :now, :now)`);
  for (const email of addresses(options.people)) {
    insertUser.run({
      id: randomUUID(),
      email,
      passwordHash: await hash(password, { cost: options.cost }),
      now: new Date().toISOString(),
    });
  }

  const byEmail = database.prepare<[string], UserRow>('SELECT * FROM users WHERE email = ?');
  const byId = database.prepare<[string], UserRow>('SELECT * FROM users WHERE id = ?');
  const bySession = database.prepare<[string, number], UserRow>(`
    SELECT users.* FROM sessions JOIN users ON users.id = sessions.user_id
    WHERE sessions.id = ? AND revoked_at IS NULL AND expires_at > ? AND status = 'active'`);
  const insertSession = database.prepare(`
    INSERT INTO sessions (id, user_id, refresh_hash, expires_at)
    VALUES (:id, :userId, :refreshHash, :expiresAt)`);
  const rotateSession = database.prepare<
    { old: Buffer; next: Buffer; now: number },
    { id: string; user_id: string }
  >(`
    UPDATE sessions SET refresh_hash = :next
    WHERE refresh_hash = :old AND revoked_at IS NULL AND expires_at > :now
    RETURNING id, user_id`);

  return {
    findUser(sessionId) {
      const row = bySession.get(sessionId, Date.now());
      return row ? toUser(row) : null;
    },
    async signIn(email, given) {
      const row = byEmail.get(email);
      if (!row || !(await verify(given, row.password_hash))) return null;
      const id = randomUUID();
      const refreshToken = createRefreshToken();
      insertSession.run({
        id,
        userId: row.id,
        refreshHash: hashOf(refreshToken),
        expiresAt: Date.now() + sessionTtlMs,
      });
      return { id, user: toUser(row), refreshToken };
    },
    rotate(given) {
      const refreshToken = createRefreshToken();
      const rotated = rotateSession.get({
        old: hashOf(given),
        next: hashOf(refreshToken),
        now: Date.now(),
      });
      const row = rotated && byId.get(rotated.user_id);
      return row ? { id: rotated.id, user: toUser(row), refreshToken } : null;
    },
  };
}

interface UserRow {
  readonly id: string;
  readonly email: string;
  readonly password_hash: string;
  readonly role: User['role'];
  readonly status: User['status'];
  readonly created_at: string;
  readonly updated_at: string;
}

/** The fields that Latchkey answers, so that the answers are of one size. */
function toUser(row: UserRow): User {
  return {
    id: row.id,
    email: row.email,
    emailVerified: false,
    username: null,
    name: null,
    role: row.role,
    status: row.status,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

/** 256 random bits: nothing slower than one SHA-256 is needed to keep them. */
export function createRefreshToken(): string {
  return randomBytes(32).toString('base64url');
}

export function hashOf(refreshToken: string): Buffer {
  return createHash('sha256').update(refreshToken).digest();
}
