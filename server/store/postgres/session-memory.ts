import { LRUCache } from 'lru-cache';
import { isUnexpired } from '../../../shared/is-unexpired.ts';
import type { SessionWithUser } from '../store.ts';

/** About a thousand bytes each. */
const sessionsRemembered = 10_000;
/** What is changed by hand, past Latchkey, is told to nobody; it shows after this. */
const rememberedForMs = 5_000;

/**
 * Sessions with their users as they were last read, for as long as this process hears of every
 * change. A refresh in another process is not told: it takes nothing away, and what it prolongs
 * is read anew where the end seems to have come.
 */
export interface SessionMemory {
  /** `undefined` where it is not known, or may have changed. */
  recall(sessionId: string): SessionWithUser | undefined;
  /** Reads a session and remembers it, unless it changes meanwhile. */
  remember(
    sessionId: string,
    read: () => Promise<SessionWithUser | null>,
  ): Promise<SessionWithUser | null>;
  forget(sessionId: string): void;
  /** Every session of that user. */
  forgetUser(userId: string): void;
  forgetAll(): void;
}

/**
 * @param isCurrent whether this process hears of every change
 * @param now milliseconds since the Unix epoch
 */
export function createSessionMemory(isCurrent: () => boolean, now: () => number): SessionMemory {
  const sessions = new LRUCache<string, SessionWithUser>({
    max: sessionsRemembered,
    ttl: rememberedForMs,
  });
  /** The latest read of each session that is under way: one that is taken away is not kept. */
  const underWay = new Map<string, symbol>();

  function forgetAll(): void {
    sessions.clear();
    underWay.clear();
  }

  return {
    recall(sessionId) {
      if (!isCurrent()) return undefined;
      const found = sessions.get(sessionId);
      return found && isUnexpired(found.session, now()) ? found : undefined;
    },

    async remember(sessionId, read) {
      const mark = Symbol(sessionId);
      underWay.set(sessionId, mark);
      try {
        const found = await read();
        if (found && underWay.get(sessionId) === mark) sessions.set(sessionId, found);
        return found;
      } finally {
        if (underWay.get(sessionId) === mark) underWay.delete(sessionId);
      }
    },

    forget(sessionId) {
      sessions.delete(sessionId);
      underWay.delete(sessionId);
    },

    forgetUser(userId) {
      // Whose session a read under way will find is not known yet.
      underWay.clear();
      for (const [sessionId, { user }] of sessions.entries()) {
        if (user?.id === userId) sessions.delete(sessionId);
      }
    },

    forgetAll,
  };
}
