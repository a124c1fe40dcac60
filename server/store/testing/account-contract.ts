import { expect, test } from 'vitest';
import type { AuditRecord, UserRecord } from '../../../shared/records.ts';
import type { Store, UserQuery } from '../store.ts';
import {
  addSession,
  addUser,
  atOnce,
  expectNoChange,
  isRevoked,
  later,
  newEvent,
  newRotation,
  newSession,
  newUser,
  plainSession,
  recorded,
  revoke,
  runtime,
  startedAt,
  type OpenStore,
  type StoreUnderTest,
} from './store-scene.ts';

export function describeAccounts(open: OpenStore): void {
  test('a user comes back as it was written', async () => {
    await using s = await open();
    const user = newUser({ username: 'ada', name: 'Ada Łukasiewicz 🗝', emailVerified: true });
    const session = newSession(user.id, { ip: '2001:db8::1', userAgent: 'a browser' });
    const event = newEvent({ userId: user.id, detail: { fields: ['é'], nested: { n: 1 } } });
    const created = await s.store.createUser({ user, passwordHash: 'h', session, event });
    expect(created).toBe('created');
    expect(await s.other.findUser(user.id)).toEqual(user);
    const credential = { user, passwordHash: 'h' };
    expect(await s.other.findCredential({ userId: user.id })).toEqual(credential);
    expect(await s.other.findCredential({ email: user.email })).toEqual(credential);
    expect(await s.other.findCredential({ username: 'ada' })).toEqual(credential);
    const found = await s.other.findSession(session.id);
    expect(found?.user).toEqual(user);
    expect(found && plainSession(found.session)).toEqual(plainSession(session));
    expect(await s.other.listAuditEvents({ limit: 9 })).toEqual([event]);
  });

  test('nobody is found by what nobody has', async () => {
    await using s = await open();
    await addUser(s.store);
    const unknown = runtime.newId();
    expect(await s.store.findUser(unknown)).toBeNull();
    expect(await s.store.findCredential({ userId: unknown })).toBeNull();
    expect(await s.store.findCredential({ email: 'nobody@test.example' })).toBeNull();
    expect(await s.store.findCredential({ username: 'nobody' })).toBeNull();
    expect(await s.store.findSession(unknown)).toBeNull();
    expect(await s.store.listSessions(unknown, startedAt)).toEqual([]);
  });

  test('an address and a username have one user; having no username is no name', async () => {
    await using s = await open();
    const ada = await addUser(s.store, { username: 'ada' });
    await addUser(s.store, { username: null });
    await addUser(s.store, { username: null });
    const create = (user: UserRecord) =>
      s.store.createUser({
        user,
        passwordHash: 'h',
        session: newSession(user.id),
        event: newEvent(),
      });
    await expectNoChange(s.store, async () => {
      expect(await create(newUser({ email: ada.email }))).toBe('email_taken');
      expect(await create(newUser({ username: 'ada' }))).toBe('username_taken');
      expect(await create(newUser({ email: ada.email, username: 'ada' }))).toBe('email_taken');
    });
  });

  test('of many who want one address or one username at once, one gets it', async () => {
    await using s = await open();
    const compete = async (wanted: Partial<UserRecord>) => {
      const outcomes = await atOnce(s, 8, (store) => {
        const user = newUser(wanted);
        return store.createUser({ user, passwordHash: 'h', session: null, event: newEvent() });
      });
      return outcomes.toSorted().slice(0, 2);
    };
    expect(await compete({ email: 'one@test.example' })).toEqual(['created', 'email_taken']);
    expect(await compete({ username: 'one' })).toEqual(['created', 'username_taken']);
    expect(await s.store.listUsers({ limit: 99 })).toHaveLength(2);
  });

  test('the first admin is made once, where no active admin is', async () => {
    await using s = await open();
    await addUser(s.store, { role: 'admin', status: 'disabled' });
    await addUser(s.store, { role: 'user' });
    const outcomes = await atOnce(s, 8, (store) => {
      const user = newUser({ role: 'admin' });
      const command = { user, passwordHash: 'h', session: null, event: newEvent() };
      return store.createUser({ ...command, onlyWithoutAdmin: true });
    });
    expect(outcomes.toSorted()).toEqual([...Array<string>(7).fill('admin_exists'), 'created']);
    const admins = await s.store.listUsers({ role: 'admin', status: 'active', limit: 9 });
    expect(admins).toHaveLength(1);
  });

  test('users are listed newest first, by role, by status and by both', async () => {
    await using s = await open();
    const user = await addUser(s.store);
    const admin = await addUser(s.store, { role: 'admin' });
    const former = await addUser(s.store, { role: 'admin', status: 'disabled' });
    const list = async (query: { role?: string; status?: 'active' | 'disabled' }) =>
      (await s.store.listUsers({ ...query, limit: 9 })).map(({ id }) => id);
    expect(await list({})).toEqual([former.id, admin.id, user.id]);
    expect(await list({ role: 'admin' })).toEqual([former.id, admin.id]);
    expect(await list({ status: 'active' })).toEqual([admin.id, user.id]);
    expect(await list({ role: 'admin', status: 'disabled' })).toEqual([former.id]);
    expect(await list({ role: 'editor' })).toEqual([]);
  });

  test('pages hold every user once, whoever comes meanwhile', async () => {
    await using s = await open();
    const users: UserRecord[] = [];
    for (let n = 0; n < 7; n += 1) users.push(await addUser(s.store, { role: 'reader' }));
    const pages: string[][] = [];
    for (let cursor: string | undefined; pages.length < 9;) {
      const page = await s.store.listUsers({ role: 'reader', limit: 3, cursor });
      if (page.length === 0) break;
      pages.push(page.map(({ id }) => id));
      cursor = page.at(-1)?.id;
      await addUser(s.store, { role: 'reader' });
    }
    expect(pages.map((page) => page.length)).toEqual([3, 3, 1]);
    expect(pages.flat()).toEqual(users.map(({ id }) => id).toReversed());
  });

  test.for([
    ['ANNA', ['anna']],
    ['example.org', ['bert', 'anna']],
    ['PER_CENT', ['anna']],
    ['%', ['anna']],
    ['_', ['bert', 'anna']],
    ['100%', ['anna']],
    ['1%0', []],
    ['.*', []],
    ['\\', []],
    ["'", []],
    ['ärger', ['anna']],
    ['ÄRGER', ['anna']],
    ['A\u0308RGER', ['anna']],
    ['STRASSE', ['bert']],
    ['straße', ['bert']],
    ['σίσυφοσ', ['bert']],
    ['ΣΊΣΥΦΟΣ', ['bert']],
    ['Ίσυφ', ['bert']],
    ['null', []],
    ['', ['carl', 'bert', 'anna']],
  ] as const)('searching for "%s" finds %j', async ([search, expected]) => {
    await using s = await open();
    await addUser(s.store, {
      email: 'anna@example.org',
      username: 'per_cent',
      name: '100% A\u0308rger',
    });
    await addUser(s.store, {
      email: 'bert@example.org',
      username: 'x_y',
      name: 'Straße des Σίσυφος',
    });
    await addUser(s.store, { email: 'carl@other.example', username: null, name: null });
    const users = await s.store.listUsers({ search, limit: 9 });
    expect(users.map(({ email }) => email.split('@', 1)[0])).toEqual(expected);
  });

  const oddName = `"a b"c a" OR "b dog* AND d {k} :+ %_% \\ -fgh ^ij '--; ?1 "" NEAR( 👩‍👧x q\u0323\u0307z 王小明`;

  const oddTexts = [
    '"',
    '""',
    '"a',
    'b"c',
    'a" OR "b',
    '*',
    'g*',
    'dog*',
    '* AND',
    'AND',
    'AND d',
    'NEAR(',
    '-',
    '-f',
    ' -fgh',
    '^',
    '^ij',
    '{k}',
    'k} :',
    '+',
    '%',
    '_',
    '%_%',
    '\\',
    "'--",
    ';',
    '?1',
    '👩',
    '👩‍👧',
    '👩‍👧x',
    '\u0323',
    'q\u0323',
    'q\u0323\u0307z',
    '王',
    '王小',
    '王小明',
  ];

  test.for(oddTexts)(
    'searching for "%s" finds one who has that, and all who have',
    async (search) => {
      await using s = await open();
      const list = () => s.other.listUsers({ search, limit: 2 });
      for (const name of ['dog', 'a b c d fgh ij k x z', 'OR']) {
        await addUser(s.store, { email: `${name.length}@test.example`, name });
      }
      const one = await addUser(s.store, { email: 'one@test.example', name: oddName });
      expect(await list()).toEqual([one]);
      const another = await addUser(s.store, { email: 'another@test.example', name: oddName });
      expect(await list()).toEqual([another, one]);
    },
  );

  test('each of those finds the one behind a thousand others', async () => {
    await using s = await open();
    await addUser(s.store, { email: 'dog@test.example', name: 'dog OR fgh' });
    const one = await addUser(s.store, { email: 'one@test.example', name: oddName });
    await addThousands(
      s,
      Array.from({ length: 2_100 }, (_, index) => newUser({ email: `${index}@test.example` })),
    );
    for (const search of oddTexts) {
      expect(await s.other.listUsers({ search, limit: 2 })).toEqual([one]);
    }
    for (const search of [
      'do*',
      'dog AND fgh',
      'dog -test',
      'NEAR(dog fgh)',
      'name:dog',
      '"dog"',
    ]) {
      expect(await s.other.listUsers({ search, limit: 2 })).toEqual([]);
    }
  });

  test('a search goes on from a cursor and within a role', async () => {
    await using s = await open();
    const first = await addUser(s.store, { name: 'Kim', role: 'reader' });
    const second = await addUser(s.store, { name: 'Kim', role: 'reader' });
    await addUser(s.store, { name: 'Kim' });
    const query = { search: 'kim', role: 'reader', limit: 1 };
    expect(await s.store.listUsers(query)).toEqual([second]);
    expect(await s.store.listUsers({ ...query, cursor: second.id })).toEqual([first]);
    expect(await s.store.listUsers({ ...query, cursor: first.id })).toEqual([]);
  });

  test('a page goes on behind a cursor whose user is gone', async () => {
    await using s = await open();
    const first = await addUser(s.store, { name: 'Kim' });
    const gone = await addUser(s.store, { name: 'Kim' });
    await addUser(s.store, { name: 'Kim' });
    await s.store.deleteUser({
      userId: gone.id,
      passwordHash: 'hash',
      at: later,
      event: newEvent(),
    });
    for (const search of [undefined, 'kim', 'ki']) {
      expect(await s.store.listUsers({ search, cursor: gone.id, limit: 9 })).toEqual([first]);
      expect(await s.store.listUsers({ search, cursor: first.id, limit: 9 })).toEqual([]);
    }
  });

  test('among thousands, a search finds the few and the many, in whatever the filters leave', async () => {
    await using s = await open();
    const total = 2_500;
    const people = Array.from({ length: total }, (_, index) =>
      newUser({
        email: `${index}@${index === 7 ? 'abcd' : index < 2_200 ? 'abc-bcd' : 'new'}.many.example`,
        name: index % 1_200 === 7 ? '王 Zoë' : 'Ann',
        role: index < 2 ? 'admin' : 'user',
        status: index % 500 === 3 ? 'disabled' : 'active',
      }),
    );
    await addThousands(s, people);
    const list = async (query: Partial<UserQuery>) =>
      (await s.other.listUsers({ limit: 3, ...query })).map(({ email }) => Number.parseInt(email));
    expect(await list({ search: 'many.example' })).toEqual([2_499, 2_498, 2_497]);
    expect(await list({ search: 'a' })).toEqual([2_499, 2_498, 2_497]);
    for (const search of ['zoë', '王 zoë', '王', 'ë']) {
      expect(await list({ search })).toEqual([2_407, 1_207, 7]);
      expect(await list({ search, limit: 2 })).toEqual([2_407, 1_207]);
      expect(await list({ search, cursor: people[1_207]?.id })).toEqual([7]);
    }
    for (const search of ['many.example', 'ann', 'an']) {
      expect(await list({ search, role: 'admin' })).toEqual([1, 0]);
      expect(await list({ search, status: 'disabled' })).toEqual([2_003, 1_503, 1_003]);
      expect(await list({ search, role: 'admin', status: 'disabled' })).toEqual([]);
      expect(await list({ search, role: 'user', cursor: people[4]?.id })).toEqual([3, 2]);
    }
    // The oldest have all three characters of it somewhere, the newest have none.
    expect(await list({ search: 'abcd' })).toEqual([7]);
    expect(await list({ search: 'abc-bcd' })).toEqual([2_199, 2_198, 2_197]);
    expect(await list({ search: 'abc-bcd', cursor: people[2]?.id })).toEqual([1, 0]);
    expect(await list({ search: 'nn.many' })).toEqual([]);
    expect(await list({ search: 'zz', role: 'user' })).toEqual([]);
  });

  test('of a profile changes what is given, and the search follows', async () => {
    await using s = await open();
    const user = await addUser(s.store, { username: 'ada', name: 'Ada' });
    const update = (change: { name?: string | null; username?: string | null }) =>
      recorded(s.store, (event) =>
        s.store.updateProfile({ ...change, userId: user.id, at: later, event }),
      );
    const renamed = { ...user, name: 'Grace', updatedAt: later };
    expect(await update({ name: 'Grace' })).toEqual(renamed);
    expect(await update({ username: 'hopper' })).toEqual({ ...renamed, username: 'hopper' });
    expect(await s.other.listUsers({ search: 'hopper', limit: 9 })).toHaveLength(1);
    expect(await s.other.listUsers({ search: 'ada', limit: 9 })).toHaveLength(0);
    expect(await update({ username: 'hopper' })).toEqual({ ...renamed, username: 'hopper' });
    expect(await update({ name: null })).toMatchObject({ name: null, username: 'hopper' });
    expect(await update({ username: null })).toMatchObject({ name: null, username: null });
    expect(await s.other.findCredential({ username: 'hopper' })).toBeNull();
    expect(await s.other.findCredential({ userId: user.id })).toMatchObject({
      passwordHash: 'hash',
    });
  });

  test('a profile stays where the username is taken or the user is gone', async () => {
    await using s = await open();
    await addUser(s.store, { username: 'ada' });
    const user = await addUser(s.store);
    const update = (userId: string) =>
      s.store.updateProfile({
        name: 'New',
        username: 'ada',
        userId,
        at: later,
        event: newEvent(),
      });
    await expectNoChange(s.store, async () => {
      expect(await update(user.id)).toBe('username_taken');
      expect(await update(runtime.newId())).toBe('not_found');
    });
  });

  test('of many who take one username at once, one gets it', async () => {
    await using s = await open();
    const users: UserRecord[] = [];
    for (let n = 0; n < 6; n += 1) users.push(await addUser(s.store));
    const outcomes = await atOnce(s, users.length, (store, n) =>
      store.updateProfile({
        userId: users[n]?.id ?? '',
        username: 'wanted',
        at: later,
        event: newEvent(),
      }),
    );
    expect(outcomes.filter((outcome) => outcome === 'username_taken')).toHaveLength(5);
  });

  test('a hash is upgraded unless the password has changed meanwhile', async () => {
    await using s = await open();
    const user = await addUser(s.store);
    await expectNoChange(s.store, () =>
      s.store.upgradePasswordHash({ userId: user.id, from: 'older', to: 'wrong' }),
    );
    await s.store.upgradePasswordHash({ userId: user.id, from: 'hash', to: 'better' });
    expect(await s.other.findCredential({ userId: user.id })).toEqual({
      user,
      passwordHash: 'better',
    });
  });

  test('a new password ends every other session and gives this one a new key', async () => {
    await using s = await open();
    const user = await addUser(s.store);
    const own = await addSession(s.store, user, { counter: 7 });
    const other = await addSession(s.store, user);
    const stranger = await addSession(s.store, await addUser(s.store));
    const sealedTokenKey = Uint8Array.of(9, 9, 9);
    const outcome = await recorded(s.store, (event) =>
      s.store.changePassword({
        userId: user.id,
        from: 'hash',
        to: 'new',
        sessionId: own.id,
        sealedTokenKey,
        at: later,
        event,
      }),
    );
    expect(outcome).toBe('changed');
    const credential = await s.other.findCredential({ userId: user.id });
    expect(credential).toEqual({ user: { ...user, updatedAt: later }, passwordHash: 'new' });
    const found = await s.other.findSession(own.id);
    expect(found && plainSession(found.session)).toEqual(
      plainSession({ ...own, counter: 0, sealedTokenKey, rotatedAt: later }),
    );
    expect(await isRevoked(s.other, other)).toBe(true);
    expect(await isRevoked(s.other, stranger)).toBe(false);
    const rotate = newRotation(own, { counter: 7, now: later });
    expect(await s.store.rotateSession(rotate)).toEqual({ kind: 'unknown' });
  });

  test('a password stays when it, the session or the user is not what was verified', async () => {
    await using s = await open();
    const user = await addUser(s.store);
    const own = await addSession(s.store, user);
    const ended = await addSession(s.store, user);
    await revoke(s.store, ended);
    const stranger = await addSession(s.store, await addUser(s.store));
    const disabled = newUser({ status: 'disabled' });
    const theirs = newSession(disabled.id);
    await s.store.createUser({
      user: disabled,
      passwordHash: 'hash',
      session: theirs,
      event: newEvent(),
    });
    const change = (userId: string, sessionId: string, from = 'hash') =>
      s.store.changePassword({
        userId,
        from,
        to: 'new',
        sessionId,
        sealedTokenKey: Uint8Array.of(1),
        at: later,
        event: newEvent(),
      });
    await expectNoChange(s.store, async () => {
      expect(await change(user.id, own.id, 'older')).toBe('outdated');
      expect(await change(user.id, ended.id)).toBe('outdated');
      expect(await change(user.id, stranger.id)).toBe('outdated');
      expect(await change(user.id, runtime.newId())).toBe('outdated');
      expect(await change(disabled.id, theirs.id)).toBe('outdated');
      expect(await change(runtime.newId(), own.id)).toBe('outdated');
    });
  });

  test('of two new passwords at once, one is changed and the other outdated', async () => {
    await using s = await open();
    const user = await addUser(s.store);
    const own = await addSession(s.store, user);
    const outcomes = await atOnce(s, 2, (store, n) =>
      store.changePassword({
        userId: user.id,
        from: 'hash',
        to: `new ${n}`,
        sessionId: own.id,
        sealedTokenKey: Uint8Array.of(n),
        at: later,
        event: newEvent(),
      }),
    );
    expect(outcomes.toSorted()).toEqual(['changed', 'outdated']);
  });

  test('another role makes tokens stale; the same one changes nothing', async () => {
    await using s = await open();
    const user = await addUser(s.store);
    const session = await addSession(s.store, user);
    const set = (role: string, event: AuditRecord) =>
      s.store.setRole({ userId: user.id, role, at: later, event });
    const editor = { ...user, role: 'editor', authorizationVersion: 1, updatedAt: later };
    expect(await recorded(s.store, (event) => set('editor', event))).toEqual(editor);
    expect(await s.other.findUser(user.id)).toEqual(editor);
    expect(await isRevoked(s.other, session)).toBe(false);
    await expectNoChange(s.store, async () => {
      expect(await set('editor', newEvent())).toEqual(editor);
      expect(
        await s.store.setRole({
          userId: runtime.newId(),
          role: 'x',
          at: later,
          event: newEvent(),
        }),
      ).toBe('not_found');
    });
  });

  test('disabling ends every session, and enabling revives none', async () => {
    await using s = await open();
    const user = await addUser(s.store);
    const session = await addSession(s.store, user);
    const stranger = await addSession(s.store, await addUser(s.store));
    const set = (status: 'active' | 'disabled', event: AuditRecord) =>
      s.store.setStatus({ userId: user.id, status, at: later, event });
    const disabled = { ...user, status: 'disabled', updatedAt: later };
    expect(await recorded(s.store, (event) => set('disabled', event))).toEqual(disabled);
    expect(await s.other.findUser(user.id)).toEqual(disabled);
    expect(await isRevoked(s.other, session)).toBe(true);
    expect(await isRevoked(s.other, stranger)).toBe(false);
    await expectNoChange(s.store, async () => {
      expect(await set('disabled', newEvent())).toEqual(disabled);
      expect(
        await s.store.setStatus({
          userId: runtime.newId(),
          status: 'disabled',
          at: later,
          event: newEvent(),
        }),
      ).toBe('not_found');
    });
    await recorded(s.store, (event) => set('active', event));
    expect(await isRevoked(s.other, session)).toBe(true);
  });

  test('a deleted user is gone; sessions that ended stay, and say nothing of whose they were', async () => {
    await using s = await open();
    const user = await addUser(s.store, { username: 'ada' });
    const session = await addSession(s.store, user, { ip: '192.0.2.1', userAgent: 'a browser' });
    const outcome = await recorded(s.store, (event) =>
      s.store.deleteUser({ userId: user.id, passwordHash: 'hash', at: later, event }),
    );
    expect(outcome).toBe('deleted');
    expect(await s.other.findUser(user.id)).toBeNull();
    expect(await s.other.findCredential({ email: user.email })).toBeNull();
    expect(await s.other.findSession(session.id)).toMatchObject({
      user: null,
      session: { id: session.id, userId: null, revokedAt: later, ip: null, userAgent: null },
    });
    expect(await s.other.listAuditEvents({ userId: user.id, limit: 9 })).not.toEqual([]);
    const again = newUser({ email: user.email, username: 'ada' });
    const command = { user: again, passwordHash: 'h', session: null, event: newEvent() };
    expect(await s.store.createUser(command)).toBe('created');
  });

  test('nobody is deleted by an outdated password', async () => {
    await using s = await open();
    const user = await addUser(s.store);
    await addSession(s.store, user);
    const remove = (userId: string, passwordHash: string) =>
      s.store.deleteUser({ userId, passwordHash, at: later, event: newEvent() });
    await expectNoChange(s.store, async () => {
      expect(await remove(user.id, 'older')).toBe('outdated');
      expect(await remove(runtime.newId(), 'hash')).toBe('outdated');
    });
  });
}

/** Every way in which an admin stops being one. */
const waysOut: readonly (readonly [
  string,
  (store: Store, admin: UserRecord, event: AuditRecord) => Promise<string | UserRecord>,
])[] = [
  [
    'becoming a user',
    (store, { id }, event) => store.setRole({ userId: id, role: 'user', at: later, event }),
  ],
  [
    'becoming an editor',
    (store, { id }, event) => store.setRole({ userId: id, role: 'editor', at: later, event }),
  ],
  [
    'being disabled',
    (store, { id }, event) => store.setStatus({ userId: id, status: 'disabled', at: later, event }),
  ],
  [
    'being deleted',
    (store, { id }, event) =>
      store.deleteUser({ userId: id, passwordHash: 'hash', at: later, event }),
  ],
];

export function describeLastAdmin(open: OpenStore): void {
  test.for(waysOut)('does not go by %s', async ([, leave]) => {
    await using s = await open();
    const admin = await addUser(s.store, { role: 'admin' });
    await addSession(s.store, admin);
    await addUser(s.store, { role: 'admin', status: 'disabled' });
    await addUser(s.store, { role: 'editor' });
    await expectNoChange(s.store, async () => {
      expect(await leave(s.store, admin, newEvent())).toBe('last_admin');
    });
  });

  test.for(waysOut)('is not whoever goes by %s beside another one', async ([, leave]) => {
    await using s = await open();
    const admin = await addUser(s.store, { role: 'admin' });
    await addUser(s.store, { role: 'admin' });
    const outcome = await recorded(s.store, (event) => leave(s.store, admin, event));
    expect(outcome).not.toBe('last_admin');
  });

  test.for(waysOut)('is not one who is disabled: %s is allowed', async ([, leave]) => {
    await using s = await open();
    const disabled = await addUser(s.store, { role: 'admin', status: 'disabled' });
    await addUser(s.store, { role: 'admin' });
    expect(await leave(s.store, disabled, newEvent())).not.toBe('last_admin');
  });

  const pairs = waysOut.flatMap(([one, leave]) =>
    waysOut.map(([another, leaveToo]) => [`${one} and ${another}`, leave, leaveToo] as const),
  );
  test.for(pairs)('is one of two who go at once: %s', async ([, leave, leaveToo]) => {
    await using s = await open();
    const admins = [
      await addUser(s.store, { role: 'admin' }),
      await addUser(s.store, { role: 'admin' }),
    ] as const;
    const outcomes = await Promise.all([
      leave(s.store, admins[0], newEvent()),
      leaveToo(s.other, admins[1], newEvent()),
    ]);
    expect(outcomes.filter((outcome) => outcome === 'last_admin')).toHaveLength(1);
    const left = await s.store.listUsers({ role: 'admin', status: 'active', limit: 9 });
    expect(left).toHaveLength(1);
  });
}

async function addThousands(
  { store, ...scene }: StoreUnderTest,
  users: readonly UserRecord[],
): Promise<void> {
  if (scene.addUsers) return scene.addUsers(users);
  await Promise.all(
    users.map((user) =>
      store.createUser({ user, passwordHash: 'hash', session: null, event: newEvent() }),
    ),
  );
}
