import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type Database from 'better-sqlite3';
import { createRuntime } from '../server/runtime.ts';
import { openDatabase } from '../server/store/sqlite/open-database.ts';

/** How large a database is to be. */
export interface Size {
  readonly users: number;
  /** Of each user. */
  readonly sessions: number;
}

/** Bytes of the file, by what they are for. */
export interface SeededBytes {
  readonly perUser: number;
  readonly perSession: number;
}

export interface SeedOptions {
  report(done: string): void;
  /** Makes the key of a session's refresh tokens, so that every session can be refreshed. */
  readonly createTokenKey?: ((sessionId: string) => Uint8Array) | undefined;
}

const dayMs = 24 * 3_600_000;
/** Sessions began in the last days of so many; the oldest is about to end. */
const sessionDays = 29;
/** So many where each is to be refreshed, which has to be within 14 days. */
const liveSessionDays = 9;
const rowsAtOnce = 100_000;
/** A prime, so that it divides no number of users that is round. */
const stride = 611_953;
/** About what a user and a session take, with a third more to work in. */
const roomForUser = 1_500;
const roomForSession = 800;

const givenNames = ['Ada', 'Alan', 'Barbara', 'Edsger', 'Fatima', 'Grace', 'José', 'Ken', 'Yuki'];
const familyNames = ['Dijkstra', 'Hopper', 'Khan', 'Knuth', 'Liskov', 'Lovelace', 'Tanaka', 'Wú'];

/**
 * Makes a database and fills it: users in the order of their ids, and sessions in the order of
 * theirs, by users who come in no order, as sign-ins do. The rows are Latchkey's own; nobody can
 * sign in with them.
 *
 * @throws Error when the disk has no room
 */
export async function seedDatabase(
  path: string,
  { users, sessions }: Size,
  { report, createTokenKey }: SeedOptions,
): Promise<SeededBytes> {
  const { bavail, bsize } = statfsSync(dirname(path));
  const room = users * (roomForUser + sessions * roomForSession);
  if (bavail * bsize < room) {
    throw new Error(`${users} users need ${Math.ceil(room / 1e9)} GB of disk, which are not free.`);
  }
  const clock = { now: 0 };
  const runtime = createRuntime(() => clock.now);
  const { database } = await openDatabase(path, runtime);
  // A file that is half made when this process ends is of no use to anybody.
  database.pragma('journal_mode = MEMORY');
  database.pragma('synchronous = OFF');
  database.pragma('cache_size = -2000000');
  database.pragma('foreign_keys = OFF');
  const until = Date.now();

  const insertUser = database.prepare(
    `INSERT INTO users (id, email, email_verified, username, name, role, status,
       authorization_version, password_hash, search_text, created_at, updated_at)
     VALUES (?, ?, 1, ?, ?, ?, ?, 0, ?, ?, ?, ?)`,
  );
  const passwordHash = `$2b$10$${'x'.repeat(53)}`;
  const ids: string[] = [];
  function addUser(index: number): void {
    clock.now = Math.floor(until - 1_000 * dayMs * (1 - index / users));
    const id = runtime.newId();
    ids.push(id);
    const name = `${givenNames[index % givenNames.length]} ${familyNames[index % familyNames.length]}`;
    const username = `member_${index}`;
    const email = `${username}@example.com`;
    insertUser.run(
      id,
      email,
      username,
      name,
      index % 1_000 === 1 ? 'admin' : 'user',
      !createTokenKey && index % 500 === 3 ? 'disabled' : 'active',
      passwordHash,
      `${email}\n${username}\n${name}`.toUpperCase(),
      clock.now,
      clock.now,
    );
  }

  const insertSession = database.prepare(
    `INSERT INTO sessions (id, user_id, counter, sealed_token_key, created_at, last_seen_at,
       rotated_at, expires_at, idle_expires_at, idle_ttl_ms, ip, user_agent)
     VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?, ?, '192.0.2.1', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0)')`,
  );
  const sealedTokenKey = Buffer.alloc(61, 1);
  const rows = users * sessions;
  const days = createTokenKey ? liveSessionDays : sessionDays;
  function addSession(index: number): void {
    clock.now = Math.floor(until - days * dayMs * (1 - index / rows));
    const { now } = clock;
    const id = runtime.newId();
    // Each user so often as every other, and neighbours far apart.
    const userId = ids[(index * stride) % users];
    const ends = [now + 30 * dayMs, now + 14 * dayMs];
    const tokenKey = createTokenKey?.(id) ?? sealedTokenKey;
    insertSession.run(id, userId, tokenKey, now, now, now, ...ends, 14 * dayMs);
  }

  function fill(rowName: string, count: number, add: (index: number) => void): number {
    const before = bytesOf(database);
    const addSome = database.transaction((from: number) => {
      for (let index = from; index < Math.min(count, from + rowsAtOnce); index += 1) add(index);
    });
    for (let from = 0; from < count; from += rowsAtOnce) {
      addSome(from);
      report(`${Math.min(count, from + rowsAtOnce)} of ${count} ${rowName}`);
    }
    return (bytesOf(database) - before) / count;
  }

  const perUser = fill('users', users, addUser);
  const perSession = fill('sessions', rows, addSession);
  database.pragma('journal_mode = WAL');
  database.close();
  return { perUser, perSession };
}

function bytesOf(database: Database.Database): number {
  const pages = Number(database.pragma('page_count', { simple: true }));
  return pages * Number(database.pragma('page_size', { simple: true }));
}
