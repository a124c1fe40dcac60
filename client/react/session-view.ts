import type { QueryClient } from '@tanstack/react-query';
import type { SessionUser } from '../auth-result.ts';
import { endedError, type SessionSnapshot, type SessionState } from '../session.ts';

/** The session as React is shown it. */
export interface SessionView<TUser> extends SessionState<TUser> {
  /** A number of its own for everything from one user's leaving to the next one's. */
  readonly getEra: () => number;
}

/**
 * Stands between the session and React, so that nobody is shown before what was fetched for
 * somebody else is gone: all that React learns of a change, it learns after the cache was dropped.
 *
 * Whoever leaves takes the cache along. Whoever comes after nobody finds what nobody saw, and has
 * it fetched anew. What was put into the cache before the session is known, such as by a server
 * that rendered the page, stays.
 */
export function createSessionView<TUser extends SessionUser>(
  state: SessionState<TUser>,
  queryClient: QueryClient,
): SessionView<TUser> {
  const listeners = new Set<() => void>();
  let isWatching = false;
  let era = 0;
  let shown = state.getSnapshot();

  function follow(): void {
    const before = shown;
    shown = state.getSnapshot();
    if (shown === before) return;
    if (hasLeft(before, shown)) {
      era++;
      dropAll(queryClient);
    } else if (before.status === 'signed-out' && shown.status === 'signed-in') {
      void queryClient.invalidateQueries();
    }
    for (const listener of listeners) listener();
  }

  function subscribe(listener: () => void): () => void {
    listeners.add(listener);
    if (!isWatching) {
      isWatching = true;
      // For as long as there is the client: between two providers the cache is kept, and watched.
      state.subscribe(follow);
    }
    // Between a first rendering and this, something may have happened.
    follow();
    return () => listeners.delete(listener);
  }

  return {
    subscribe,
    getSnapshot: () => shown,
    getServerSnapshot: state.getServerSnapshot,
    getEra: () => era,
  };
}

function hasLeft<TUser extends SessionUser>(
  before: SessionSnapshot<TUser>,
  now: SessionSnapshot<TUser>,
): boolean {
  return before.status === 'signed-in' && before.user.id !== now.user?.id;
}

/** Answers that are still on their way find no place any more. */
function dropAll(queryClient: QueryClient): void {
  for (const mutation of queryClient.getMutationCache().getAll()) {
    // One that is to be tried again would be sent in the next user's name.
    mutation.setOptions({
      ...mutation.options,
      mutationFn: () => Promise.reject(endedError()),
    });
  }
  queryClient.clear();
}
