import type Database from 'better-sqlite3';
import { LRUCache } from 'lru-cache';
import type { SessionWithUser } from '../store.ts';

/** About a thousand bytes each. */
const sessionsRemembered = 10_000;

/**
 * Sessions with their users as they were last read, for as long as nothing has changed in the file.
 * What another connection commits, in this process or another, shows in SQLite's `data_version`,
 * which is asked at every call; what this connection writes has to be told.
 */
export interface SessionMemory {
  /** `undefined` where it is not known, or may have changed. */
  recall(sessionId: string): SessionWithUser | undefined;
  /** Reads a session and remembers it. */
  read(sessionId: string): SessionWithUser | null;
  /** This connection writes to that session alone. */
  forget(sessionId: string): void;
  /** This connection writes to whatever it may be. */
  forgetAll(): void;
}

export function createSessionMemory(
  database: Database.Database,
  find: (sessionId: string) => SessionWithUser | undefined,
): SessionMemory {
  const sessions = new LRUCache<string, SessionWithUser>({ max: sessionsRemembered });
  const version = database.prepare<[], number>('PRAGMA data_version').pluck();
  let lastVersion = version.get();

  /** Before anything is read: what is committed after it shows at the next look. */
  function look(): void {
    const current = version.get();
    if (current === lastVersion) return;
    lastVersion = current;
    sessions.clear();
  }

  return {
    recall(sessionId) {
      look();
      return sessions.get(sessionId);
    },

    read(sessionId) {
      look();
      const found = find(sessionId);
      if (found) sessions.set(sessionId, found);
      return found ?? null;
    },

    forget: (sessionId) => void sessions.delete(sessionId),
    forgetAll: () => sessions.clear(),
  };
}
