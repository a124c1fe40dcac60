import { describe, expect, test } from 'vitest';
import type { UserRecord } from '../../../shared/records.ts';
import type { Store } from '../store.ts';
import {
  addSession,
  addUser,
  dayMs,
  later,
  newEvent,
  newRotation,
  newSession,
  newUser,
  revoke,
  startedAt,
  type OpenStore,
  type StartedSession,
} from './store-scene.ts';

interface Remembered {
  readonly user: UserRecord;
  readonly session: StartedSession;
}

type Write = (store: Store, remembered: Remembered) => Promise<unknown>;

/** Every write that makes a session, or its user, another one than it was. */
const writes: Readonly<Record<string, Write>> = {
  'the end of the session': (store, { session }) => revoke(store, session),
  'the end of all sessions of the user': (store, { user }) =>
    store.revokeSessions({
      which: { userId: user.id },
      at: later,
      event: () => newEvent(),
    }),
  'a sign-in beyond the cap': (store, { user }) => addSession(store, user, { maxSessions: 1 }),
  'a sign-in in its place': (store, { user, session }) =>
    store.startSession({
      session: newSession(user.id),
      passwordHash: 'hash',
      maxSessions: 9,
      replaced: { sessionId: session.id, event: () => newEvent() },
      event: newEvent(),
    }),
  'a new account in its place': (store, { session }) => {
    const user = newUser();
    return store.createUser({
      user,
      passwordHash: 'hash',
      session: newSession(user.id),
      replaced: { sessionId: session.id, event: () => newEvent() },
      event: newEvent(),
    });
  },
  'a refresh': (store, { session }) =>
    store.rotateSession(newRotation(session, { counter: 0, now: later })),
  'a refresh with a token that was used': async (store, { session }) => {
    const reused = newRotation(session, { counter: 7, now: later });
    expect(await store.rotateSession(reused)).toEqual({ kind: 'reused' });
  },
  'another role': (store, { user }) =>
    store.setRole({ userId: user.id, role: 'admin', at: later, event: newEvent() }),
  disabling: (store, { user }) =>
    store.setStatus({ userId: user.id, status: 'disabled', at: later, event: newEvent() }),
  'another name': (store, { user }) =>
    store.updateProfile({
      userId: user.id,
      name: 'Other',
      username: undefined,
      at: later,
      event: newEvent(),
    }),
  'another password': (store, { user, session }) =>
    store.changePassword({
      userId: user.id,
      from: 'hash',
      to: 'other',
      sessionId: session.id,
      sealedTokenKey: Uint8Array.of(9),
      at: later,
      event: newEvent(),
    }),
  deletion: (store, { user }) =>
    store.deleteUser({ userId: user.id, passwordHash: 'hash', at: later, event: newEvent() }),
  pruning: (store) => store.pruneSessions({ before: startedAt + 60 * dayMs, limit: 9 }),
};

/** What gives more time, or takes away what had ended: where stores are told of changes, not of these. */
const untold: ReadonlySet<string> = new Set(['a refresh', 'pruning']);

export function describeRecall(
  open: OpenStore,
  { isTold, remembers }: { isTold: boolean; remembers: boolean },
): void {
  test('nothing is known of a session before it is read, and what is not there never is', async () => {
    await using s = await open();
    const session = await addSession(s.store, await addUser(s.store));
    expect(s.store.recallSession(session.id)).toBeUndefined();
    expect(await s.store.findSession('nobody')).toBeNull();
    expect(s.store.recallSession('nobody')).toBeUndefined();
  });

  test.runIf(remembers)('what has been read is known, while nothing is written', async () => {
    await using s = await open();
    const session = await addSession(s.store, await addUser(s.store));
    const found = await s.store.findSession(session.id);
    expect(s.store.recallSession(session.id)).toBe(found);
    await s.store.recordAuditEvent(newEvent());
    expect(s.store.recallSession(session.id)).toEqual(found);
  });

  describe.each(Object.entries(writes))('after %s', (name, write) => {
    test.each(
      isTold && untold.has(name) ? ['store' as const] : ['store' as const, 'other' as const],
    )('what was known is known no more, by the %s that wrote', async (writer) => {
      await using s = await open();
      const user = await addUser(s.store);
      const session = await addSession(s.store, user);
      const before = await s.store.findSession(session.id);
      await write(s[writer], { user, session });
      await s.catchUp?.();
      expect(s.store.recallSession(session.id)).toBeUndefined();
      expect(await s.store.findSession(session.id)).not.toEqual(before);
    });
  });
}
