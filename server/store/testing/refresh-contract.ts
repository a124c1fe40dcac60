import { expect, test } from 'vitest';
import type { SessionRecord } from '../../../shared/records.ts';
import type { Store } from '../store.ts';
import {
  addSession,
  addUser,
  atOnce,
  dayMs,
  graceMs,
  hourMs,
  isRevoked,
  later,
  newEvent,
  newRotation,
  plainSession,
  revoke,
  startedAt,
  stateOf,
  type OpenStore,
  type StartedSession,
} from './store-scene.ts';

interface RefreshCase {
  readonly counter: number;
  /** Milliseconds after the live token was made. */
  readonly after: number;
  readonly session?: Partial<SessionRecord>;
  readonly otherKey?: boolean;
  readonly graceMs?: number;
  readonly ending?: (store: Store, session: StartedSession) => Promise<unknown>;
}

const disable = (store: Store, { userId }: StartedSession) =>
  store.setStatus({ userId, status: 'disabled', at: startedAt, event: newEvent() });
const remove = (store: Store, { userId }: StartedSession) =>
  store.deleteUser({ userId, passwordHash: 'hash', at: startedAt, event: newEvent() });
const idleAfterHour = { idleExpiresAt: later };
const overAfterHour = { expiresAt: later, idleExpiresAt: later };

/** The live token has the counter 5 and was made when the session started. */
const decisions: Readonly<Record<string, Readonly<Record<string, RefreshCase>>>> = {
  rotated: {
    'the live token': { counter: 5, after: 1 },
    'the live token, in the last moment of its idle lifetime': {
      counter: 5,
      after: hourMs - 1,
      session: idleAfterHour,
    },
    'the live token, the clock set back by an hour': { counter: 5, after: -hourMs },
  },
  repeated: {
    'its parent, at once': { counter: 4, after: 0 },
    'its parent, in the last moment of the grace': { counter: 4, after: graceMs - 1 },
    'its parent, the clock set back within the grace': { counter: 4, after: 1 - graceMs },
  },
  reused: {
    'its parent, at the end of the grace': { counter: 4, after: graceMs },
    'its parent, long after': { counter: 4, after: dayMs },
    'its parent, the clock set back by an hour': { counter: 4, after: -hourMs },
    'its parent, where there is no grace': { counter: 4, after: 0, graceMs: 0 },
    'its grandparent, inside the grace': { counter: 3, after: 1 },
    'the first token of all, inside the grace': { counter: 0, after: 1 },
    'a token that is ahead': { counter: 6, after: 1 },
  },
  revoked: {
    'the live token of a revoked session': { counter: 5, after: 1, ending: revoke },
    'the parent of a revoked session': { counter: 4, after: 1, ending: revoke },
    'the grandparent of a revoked session': { counter: 3, after: 1, ending: revoke },
    'the live token of a session that is over, and was revoked': {
      counter: 5,
      after: dayMs,
      session: overAfterHour,
      ending: revoke,
    },
    'the live token of a disabled user': { counter: 5, after: 1, ending: disable },
    'the live token of a deleted user': { counter: 5, after: 1, ending: remove },
  },
  expired: {
    'the live token, its absolute lifetime over': {
      counter: 5,
      after: hourMs,
      session: overAfterHour,
    },
    'the live token, its idle lifetime over': { counter: 5, after: hourMs, session: idleAfterHour },
    'its parent, the lifetime over': { counter: 4, after: hourMs, session: overAfterHour },
    'its grandparent, the lifetime over': { counter: 3, after: hourMs, session: overAfterHour },
  },
  unknown: {
    'the live token, another key since': { counter: 5, after: 1, otherKey: true },
    'its parent, another key since': { counter: 4, after: 1, otherKey: true },
    'its grandparent, another key since': { counter: 3, after: 1, otherKey: true },
    'a session that is not there': {
      counter: 5,
      after: dayMs,
      session: overAfterHour,
      ending: (store) => store.pruneSessions({ before: later + 1, limit: 9 }),
    },
  },
};
const decisionRows = Object.entries(decisions).flatMap(([kind, cases]) =>
  Object.entries(cases).map(([name, presented]) => [kind, name, presented] as const),
);

export function describeRefresh(open: OpenStore): void {
  test.for(decisionRows)('is %s: %s', async ([kind, , presented]) => {
    await using s = await open();
    const session = await addSession(s.store, await addUser(s.store), {
      counter: 5,
      ...presented.session,
    });
    await presented.ending?.(s.store, session);
    const now = startedAt + presented.after;
    const command = {
      ...newRotation(session, { counter: presented.counter, now }),
      ...(presented.otherKey === true ? { sealedTokenKey: Uint8Array.of(4, 0, 4) } : {}),
      ...(presented.graceMs === undefined ? {} : { graceMs: presented.graceMs }),
    };
    const before = await stateOf(s.store);
    const found = await s.store.findSession(session.id);
    const outcome = await s.other.rotateSession(command);
    const after = await stateOf(s.store);
    expect(outcome.kind).toBe(kind);
    if (kind !== 'rotated' && kind !== 'reused') {
      expect(after).toEqual(before);
      expect(await s.store.findSession(session.id)).toEqual(found);
    }
    if (kind === 'reused') {
      expect(await s.store.findSession(session.id)).toMatchObject({ session: { revokedAt: now } });
      expect(after.events).toEqual([command.reuseEvent, ...before.events]);
    } else {
      expect(after.events).toEqual(before.events);
    }
    if ('session' in outcome) {
      expect(outcome.session.counter).toBe(kind === 'rotated' ? 6 : 5);
      expect({ session: outcome.session, user: outcome.user }).toEqual(
        await s.store.findSession(session.id),
      );
    }
  });

  test('moves the idle lifetime on, never past the absolute one, and says from where', async () => {
    await using s = await open();
    const session = await addSession(s.store, await addUser(s.store), {
      idleTtlMs: dayMs,
      idleExpiresAt: startedAt + dayMs,
      expiresAt: startedAt + dayMs + 2 * hourMs,
    });
    const origin = { ip: '192.0.2.7', userAgent: 'another browser' };
    const refresh = async (counter: number, now: number) => {
      await s.store.rotateSession({ ...newRotation(session, { counter, now }), origin });
      const found = await s.other.findSession(session.id);
      return found && plainSession(found.session);
    };
    const moved = { ...session, ...origin, rotatedAt: later, lastSeenAt: later };
    expect(await refresh(0, later)).toEqual(
      plainSession({ ...moved, counter: 1, idleExpiresAt: later + dayMs }),
    );
    const evenLater = startedAt + 20 * hourMs;
    expect(await refresh(1, evenLater)).toEqual(
      plainSession({
        ...moved,
        counter: 2,
        rotatedAt: evenLater,
        lastSeenAt: evenLater,
        idleExpiresAt: session.expiresAt,
      }),
    );
  });

  test('of many with one token at once, one rotates and all get the same successor', async () => {
    await using s = await open();
    const session = await addSession(s.store, await addUser(s.store));
    const outcomes = await atOnce(s, 32, (store) =>
      store.rotateSession(newRotation(session, { counter: 0, now: later })),
    );
    expect(outcomes.filter(({ kind }) => kind === 'rotated')).toHaveLength(1);
    expect(outcomes.filter(({ kind }) => kind === 'repeated')).toHaveLength(31);
    const counters = outcomes.map((outcome) => 'session' in outcome && outcome.session.counter);
    expect(new Set(counters)).toEqual(new Set([1]));
    expect(await isRevoked(s.store, session)).toBe(false);
  });

  test('of many at once without a grace, one rotates and the reuse ends the session', async () => {
    await using s = await open();
    const session = await addSession(s.store, await addUser(s.store));
    const outcomes = await atOnce(s, 8, (store) =>
      store.rotateSession({ ...newRotation(session, { counter: 0, now: later }), graceMs: 0 }),
    );
    expect(outcomes.map(({ kind }) => kind).toSorted()).toEqual([
      'reused',
      ...Array<string>(6).fill('revoked'),
      'rotated',
    ]);
    expect(await isRevoked(s.store, session)).toBe(true);
  });

  test('a session that is revoked meanwhile stays so', async () => {
    await using s = await open();
    const session = await addSession(s.store, await addUser(s.store));
    await Promise.all([
      s.store.rotateSession(newRotation(session, { counter: 0, now: later })),
      revoke(s.other, session),
      s.store.rotateSession(newRotation(session, { counter: 1, now: later })),
    ]);
    expect(await isRevoked(s.store, session)).toBe(true);
    for (const counter of [0, 1, 2]) {
      const outcome = await s.store.rotateSession(newRotation(session, { counter, now: later }));
      expect(outcome.kind).toBe('revoked');
    }
  });
}
