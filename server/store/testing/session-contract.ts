import { expect, test } from 'vitest';
import { createRuntime } from '../../runtime.ts';
import {
  addSession,
  addUser,
  atOnce,
  dayMs,
  expectNoChange,
  isRevoked,
  later,
  newEvent,
  newSession,
  newUser,
  plainSession,
  recorded,
  revoke,
  runtime,
  startedAt,
  type OpenStore,
} from './store-scene.ts';

export function describeSessions(open: OpenStore): void {
  test('a sign-in gives the user as it is', async () => {
    await using s = await open();
    const user = await addUser(s.store);
    const session = newSession(user.id);
    const started = await recorded(s.store, (event) =>
      s.store.startSession({ session, passwordHash: 'hash', maxSessions: 9, event }),
    );
    expect(started).toEqual(user);
    const found = await s.other.findSession(session.id);
    expect(found && plainSession(found.session)).toEqual(plainSession(session));
  });

  test('a session that is replaced ends with the start of the one in its place, and not without it', async () => {
    await using s = await open();
    const user = await addUser(s.store);
    const first = await addSession(s.store, user);
    const ended = newEvent({ type: 'test.ended' });
    const started = newEvent({ type: 'test.started' });
    const start = (passwordHash: string) =>
      s.store.startSession({
        session: newSession(user.id),
        passwordHash,
        maxSessions: 9,
        replaced: { sessionId: first.id, event: () => ended },
        event: started,
      });
    await expectNoChange(s.store, () => start('older'));
    expect(await start('hash')).toEqual(user);
    expect(await isRevoked(s.other, first)).toBe(true);
    const events = await s.other.listAuditEvents({ limit: 2 });
    expect(events.map(({ type }) => type)).toEqual(['test.started', 'test.ended']);
  });

  test('a session that is replaced by a new account’s ends once, and not when the account is not made', async () => {
    await using s = await open();
    const first = await addSession(s.store, await addUser(s.store));
    const create = (email: string) => {
      const user = newUser({ email });
      return s.store.createUser({
        user,
        passwordHash: 'hash',
        session: newSession(user.id),
        replaced: { sessionId: first.id, event: () => newEvent({ type: 'test.ended' }) },
        event: newEvent(),
      });
    };
    const taken = await addUser(s.store);
    await expectNoChange(s.store, () => create(taken.email));
    expect(await create('one@test.example')).toBe('created');
    expect(await isRevoked(s.other, first)).toBe(true);
    expect(await create('two@test.example')).toBe('created');
    expect(await s.store.listAuditEvents({ type: 'test.ended', limit: 9 })).toHaveLength(1);
  });

  test('nobody is signed in whose account changed while the password was verified', async () => {
    await using s = await open();
    const user = await addUser(s.store);
    const disabled = await addUser(s.store, { status: 'disabled' });
    const start = (userId: string, passwordHash: string) =>
      s.store.startSession({
        session: newSession(userId),
        passwordHash,
        maxSessions: 9,
        event: newEvent(),
      });
    await expectNoChange(s.store, async () => {
      expect(await start(user.id, 'older')).toBeNull();
      expect(await start(disabled.id, 'hash')).toBeNull();
      expect(await start(runtime.newId(), 'hash')).toBeNull();
    });
    expect(await s.store.listSessions(user.id, startedAt)).toEqual([]);
  });

  test('a sign-in beyond the cap ends the oldest sessions of that user', async () => {
    await using s = await open();
    const user = await addUser(s.store);
    const stranger = await addSession(s.store, await addUser(s.store));
    const over = await addSession(s.store, user, { idleExpiresAt: startedAt - 1 });
    const ended = await addSession(s.store, user);
    const sessions = [];
    for (let n = 0; n < 4; n += 1) sessions.push(await addSession(s.store, user));
    await revoke(s.store, ended);
    const newest = await addSession(s.store, user, { maxSessions: 3 });
    const live = await s.other.listSessions(user.id, startedAt);
    expect(live.map(({ id }) => id)).toEqual([newest.id, sessions[3]?.id, sessions[2]?.id]);
    expect(await isRevoked(s.other, over)).toBe(false);
    expect(await isRevoked(s.other, stranger)).toBe(false);
  });

  test('a session stays that starts after the clock was set back', async () => {
    await using s = await open();
    const user = await addUser(s.store);
    const earlier = createRuntime(() => startedAt - dayMs);
    const id = earlier.newId();
    const before = await addSession(s.store, user);
    const session = await addSession(s.store, user, {
      id,
      createdAt: startedAt - dayMs,
      maxSessions: 1,
    });
    expect(await isRevoked(s.other, session)).toBe(false);
    expect(await isRevoked(s.other, before)).toBe(true);
  });

  test('of many sign-ins at once, the cap is what stays', async () => {
    await using s = await open();
    const user = await addUser(s.store);
    await atOnce(s, 8, (store) => addSession(store, user, { maxSessions: 3 }));
    expect(await s.store.listSessions(user.id, startedAt)).toHaveLength(3);
  });

  test('the sessions of a user are those that have not ended, newest first', async () => {
    await using s = await open();
    const user = await addUser(s.store);
    await addSession(s.store, await addUser(s.store));
    const first = await addSession(s.store, user);
    await addSession(s.store, user, { idleExpiresAt: later });
    await addSession(s.store, user, { expiresAt: later, idleExpiresAt: later });
    await revoke(s.store, await addSession(s.store, user));
    const last = await addSession(s.store, user, { idleExpiresAt: later + 1 });
    const listed = await s.other.listSessions(user.id, later);
    expect(listed.map(plainSession)).toEqual([last, first].map(plainSession));
  });

  test('where a user was signed in is told of every session, ended or not', async () => {
    await using s = await open();
    const user = await addUser(s.store);
    await addSession(s.store, await addUser(s.store), { ip: '192.0.2.99' });
    await addSession(s.store, user, { ip: '192.0.2.1' });
    await addSession(s.store, user, { ip: null });
    await revoke(s.store, await addSession(s.store, user, { ip: '2001:db8::2' }));
    await addSession(s.store, user, { ip: '192.0.2.3', idleExpiresAt: startedAt });
    const addresses = ['192.0.2.3', '2001:db8::2', '192.0.2.1'];
    expect(await s.other.listAddresses(user.id)).toEqual(addresses);
    expect(await s.other.listAddresses(runtime.newId())).toEqual([]);
  });

  test('revoking ends the sessions meant, and says and records how many', async () => {
    await using s = await open();
    const user = await addUser(s.store);
    const own = await addSession(s.store, user);
    const others = [await addSession(s.store, user), await addSession(s.store, user)];
    const expired = await addSession(s.store, user, { idleExpiresAt: startedAt });
    const stranger = await addSession(s.store, await addUser(s.store));
    const revokeAll = async (exceptSessionId?: string) => {
      const which = { userId: user.id, ...(exceptSessionId ? { exceptSessionId } : {}) };
      return recorded(s.store, (event) =>
        s.store.revokeSessions({
          which,
          at: later,
          event: (revoked) => ({ ...event, detail: { revoked } }),
        }),
      );
    };
    expect(await revokeAll(own.id)).toBe(2);
    const [event] = await s.other.listAuditEvents({ limit: 1 });
    expect(event?.detail).toEqual({ revoked: 2 });
    for (const other of others) expect(await isRevoked(s.other, other)).toBe(true);
    expect(await isRevoked(s.other, own)).toBe(false);
    expect(await revokeAll()).toBe(1);
    expect(await isRevoked(s.other, own)).toBe(true);
    expect(await isRevoked(s.other, stranger)).toBe(false);
    expect(await s.store.listSessions(user.id, expired.createdAt - dayMs)).toEqual([]);
  });

  test('revoking a session that is unknown, ended or somebody else’s changes nothing', async () => {
    await using s = await open();
    const user = await addUser(s.store);
    const ended = await addSession(s.store, user);
    await revoke(s.store, ended);
    const session = await addSession(s.store, user);
    const revokeOne = (sessionId: string, ofUserId?: string) =>
      s.store.revokeSessions({
        which: { sessionId, ...(ofUserId ? { ofUserId } : {}) },
        at: later,
        event: () => newEvent(),
      });
    await expectNoChange(s.store, async () => {
      expect(await revokeOne(runtime.newId())).toBe(0);
      expect(await revokeOne(ended.id)).toBe(0);
      expect(await revokeOne(session.id, runtime.newId())).toBe(0);
    });
    expect(await revokeOne(session.id, user.id)).toBe(1);
  });

  test('of many who revoke one session at once, one did it', async () => {
    await using s = await open();
    const session = await addSession(s.store, await addUser(s.store));
    const counts = await atOnce(s, 8, (store) =>
      store.revokeSessions({
        which: { sessionId: session.id },
        at: later,
        event: () => newEvent({ type: 'test.revoked' }),
      }),
    );
    expect(counts.filter((count) => count === 1)).toHaveLength(1);
    expect(counts.filter((count) => count === 0)).toHaveLength(7);
    expect(await s.store.listAuditEvents({ type: 'test.revoked', limit: 9 })).toHaveLength(1);
  });

  test('pruning takes sessions whose lifetime ended before, so many at once', async () => {
    await using s = await open();
    const user = await addUser(s.store);
    const over = [];
    for (let n = 0; n < 3; n += 1) {
      over.push(
        await addSession(s.store, user, { expiresAt: later - 1, idleExpiresAt: later - 1 }),
      );
    }
    const kept = [
      await addSession(s.store, user, { expiresAt: later }),
      await addSession(s.store, user, { idleExpiresAt: startedAt }),
    ];
    const ended = await addSession(s.store, user);
    await revoke(s.store, ended);
    const prune = () => s.store.pruneSessions({ before: later, limit: 2 });
    expect([await prune(), await prune(), await prune()]).toEqual([2, 1, 0]);
    for (const { id } of over) expect(await s.other.findSession(id)).toBeNull();
    for (const { id } of [...kept, ended]) expect(await s.other.findSession(id)).not.toBeNull();
  });
}
