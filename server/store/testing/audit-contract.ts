import { expect, test } from 'vitest';
import type { AuditRecord } from '../../../shared/records.ts';
import type { Store } from '../store.ts';
import {
  addSession,
  addUser,
  atOnce,
  byId,
  expectNoChange,
  later,
  newEvent,
  newReplacement,
  newRotation,
  newSession,
  newUser,
  plainSession,
  runtime,
  startedAt,
  type OpenStore,
  type StartedSession,
} from './store-scene.ts';

export function describeAuditEvents(open: OpenStore): void {
  test('are listed newest first, of a user, of a type, of both, and page by page', async () => {
    await using s = await open();
    const [ada, bob] = [runtime.newId(), runtime.newId()];
    const events = [
      newEvent({ type: 'sign_in.failed', userId: ada, ip: '192.0.2.1', userAgent: 'é' }),
      newEvent({ type: 'sign_in.failed', userId: bob, actorId: ada, sessionId: bob }),
      newEvent({ type: 'user.updated', userId: ada, detail: { changed: ['name'], at: null } }),
      newEvent({ type: 'sign_in.failed', userId: null }),
    ].toReversed();
    for (const event of events.toReversed()) await s.store.recordAuditEvent(event);
    const list = (query: { userId?: string; type?: string; cursor?: string; limit?: number }) =>
      s.other.listAuditEvents({ limit: 9, ...query });
    expect(await list({})).toEqual(events);
    expect(await list({ userId: ada })).toEqual([events[1], events[3]]);
    expect(await list({ type: 'sign_in.failed' })).toEqual([events[0], events[2], events[3]]);
    expect(await list({ userId: ada, type: 'sign_in.failed' })).toEqual([events[3]]);
    expect(await list({ limit: 2 })).toEqual(events.slice(0, 2));
    const cursor = events[1]?.id ?? '';
    expect(await list({ limit: 2, cursor })).toEqual(events.slice(2));
    expect(await list({ userId: ada, cursor })).toEqual([events[3]]);
  });

  test('each is one link further, in the order in which they were recorded, by whomever', async () => {
    await using s = await open();
    expect(await s.store.findAuditHead()).toBeNull();
    expect(await s.store.listAuditLinks({ after: 0, limit: 9 })).toEqual([]);
    await atOnce(s, 10, (store) => store.recordAuditEvent(newEvent()));
    const links = await s.store.listAuditLinks({ after: 0, limit: 99 });
    expect(links.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(
      links
        .map(({ event }) => event)
        .toSorted(byId)
        .toReversed(),
    ).toEqual(await s.store.listAuditEvents({ limit: 99 }));
    expect(new Set(links.map(({ hash }) => [...hash].join())).size).toBe(10);
    expect(await s.other.findAuditHead()).toMatchObject({
      sequence: 10,
      hash: links.at(-1)?.hash,
      cutSequence: 0,
    });
    expect(await s.other.listAuditLinks({ after: 7, limit: 2 })).toEqual(links.slice(7, 9));
  });

  test('one that cannot be recorded leaves no gap', async () => {
    await using s = await open();
    const event = newEvent();
    await s.store.recordAuditEvent(event);
    await expect(s.store.recordAuditEvent(event)).rejects.toBeInstanceOf(Error);
    await s.other.recordAuditEvent(newEvent());
    const links = await s.store.listAuditLinks({ after: 0, limit: 9 });
    expect(links.map(({ sequence }) => sequence)).toEqual([1, 2]);
  });

  test('pruning takes the oldest, so many at once, and none behind one that stays', async () => {
    await using s = await open();
    // The last but one was recorded after the clock had been set back.
    for (const at of [startedAt, startedAt + 1, startedAt + 2, later, startedAt, later]) {
      await s.store.recordAuditEvent(newEvent({ at }));
    }
    const prune = () => s.store.pruneAuditEvents({ before: later, limit: 2 });
    const links = await s.store.listAuditLinks({ after: 0, limit: 9 });
    expect(await prune()).toBe(2);
    expect(await s.other.findAuditHead()).toMatchObject({
      sequence: 6,
      cutSequence: 2,
      cutHash: links[1]?.hash,
    });
    expect(await prune()).toBe(1);
    await expectNoChange(s.store, async () => {
      expect(await prune()).toBe(0);
    });
    expect(await s.other.listAuditLinks({ after: 0, limit: 9 })).toEqual(links.slice(3));
    expect(await s.other.listAuditEvents({ limit: 9 })).toHaveLength(3);
    const pruneAll = { before: later + 1, limit: 9 };
    expect(await s.store.pruneAuditEvents(pruneAll)).toBe(3);
    expect(await s.store.pruneAuditEvents(pruneAll)).toBe(0);
    await s.store.recordAuditEvent(newEvent());
    const [next] = await s.store.listAuditLinks({ after: 0, limit: 9 });
    expect(next?.sequence).toBe(7);
  });

  const commands: readonly (readonly [string, (scene: Scene) => Promise<unknown>])[] = [
    [
      'createUser',
      ({ store, event }) => {
        const user = newUser();
        return store.createUser({ user, passwordHash: 'h', session: newSession(user.id), event });
      },
    ],
    [
      'updateProfile',
      ({ store, change }) => store.updateProfile({ ...change, name: 'New', username: 'new' }),
    ],
    [
      'changePassword',
      ({ store, change, session }) =>
        store.changePassword({
          ...change,
          from: 'hash',
          to: 'new',
          sessionId: session.id,
          sealedTokenKey: Uint8Array.of(1),
        }),
    ],
    ['setRole', ({ store, change }) => store.setRole({ ...change, role: 'editor' })],
    ['setStatus', ({ store, change }) => store.setStatus({ ...change, status: 'disabled' })],
    ['deleteUser', ({ store, change }) => store.deleteUser({ ...change, passwordHash: 'hash' })],
    [
      'startSession',
      ({ store, change, event }) =>
        store.startSession({
          session: newSession(change.userId),
          passwordHash: 'hash',
          maxSessions: 1,
          event,
        }),
    ],
    [
      'rotateSession',
      ({ store, session, event }) =>
        store.rotateSession({
          ...newRotation(session, { counter: 7, now: later }),
          reuseEvent: event,
        }),
    ],
    [
      'revokeSessions',
      ({ store, change, event }) =>
        store.revokeSessions({ which: { userId: change.userId }, at: later, event: () => event }),
    ],
    [
      'replaceSigningKeys',
      ({ store, event }) => store.replaceSigningKeys({ ...newReplacement(null), event }),
    ],
  ];

  test.for(commands)(
    '%s is undone whole when its event cannot be recorded',
    async ([, command]) => {
      await using s = await open();
      const user = await addUser(s.store);
      const session = await addSession(s.store, user);
      const event = newEvent();
      await s.store.recordAuditEvent(event); // Its id is taken from here on.
      const change = { userId: user.id, at: later, event };
      await expectNoChange(s.store, async () => {
        const failed = command({ store: s.store, session, event, change });
        await expect(failed).rejects.toBeInstanceOf(Error);
      });
      const found = await s.store.findSession(session.id);
      expect(found && plainSession(found.session)).toEqual(plainSession(session));
      await s.store.ping();
    },
  );
}

interface Scene {
  readonly store: Store;
  readonly session: StartedSession;
  readonly event: AuditRecord;
  readonly change: { readonly userId: string; readonly at: number; readonly event: AuditRecord };
}
