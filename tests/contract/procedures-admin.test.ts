import { QueryClient } from '@tanstack/react-query';
import { createTRPCOptionsProxy } from '@trpc/tanstack-react-query';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, describe, expect, test } from 'vitest';
import type { AppRouter } from '../../server/routers/app.ts';
import type { Figures, Session, SigningKey, User } from '../../shared/schemas.ts';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';
import {
  createApi,
  goodPassword,
  login,
  me,
  refresh,
  refusalOf,
  refusals,
  register,
  signedInOf,
  userOf,
  userPageOf,
  auditPageOf,
  valueOf,
  whatWorks,
  type Answer,
  type SignedIn,
} from './api.ts';
import { like } from './like.ts';

const t = await createTestLatchkey();
const api = createApi((await t.serve()).url);
const { accessToken: token, user: admin } = await t.signInAs({ role: 'admin' });
afterAll(() => t.close());

const unknownId = '01900000-0000-7000-8000-000000000000';

type UserPage = ReturnType<typeof userPageOf>;
type AuditPage = ReturnType<typeof auditPageOf>;

async function listUsers(input: object): Promise<UserPage> {
  return userPageOf(await api.query('admin.listUsers', { token, input }));
}

async function listEvents(input: object): Promise<AuditPage> {
  return auditPageOf(await api.query('admin.listAuditEvents', { token, input }));
}

function about(path: string, userId: unknown, more: object = {}): Promise<Answer> {
  return api.mutate(`admin.${path}`, { token, input: { userId, ...more } });
}

/** Newest first. */
const made: User[] = [];
for (const index of [1, 2, 3, 4, 5]) {
  const { user } = await register(api, {
    email: `list-${index}@pages.example`,
    username: `pager_${index}`,
    name: `Page 100% Ünique ${index}`,
  });
  made.unshift(user);
}

describe('admin.listUsers', () => {
  test('answers users newest first, a page at a time, each once', async () => {
    const seen: User[] = [];
    const sizes: number[] = [];
    let cursor: string | null = null;
    do {
      const page: UserPage = await listUsers({
        search: 'pages.example',
        limit: 2,
        ...(cursor === null ? {} : { cursor }),
      });
      seen.push(...page.users);
      sizes.push(page.users.length);
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual(made);
    expect(sizes).toEqual([2, 2, 1]);
  });

  test('is what the infinite queries of tRPC page through', async () => {
    await using own = await createTestLatchkey();
    const client = await own.clientAs({ role: 'admin' });
    for (let count = 0; count < 4; count += 1) await own.signInAs();
    const queryClient = new QueryClient();
    const trpc = createTRPCOptionsProxy<AppRouter>({ client, queryClient });
    const query = trpc.admin.listUsers.infiniteQueryOptions(
      { limit: 2 },
      { getNextPageParam: ({ nextCursor }) => nextCursor },
    );
    const { pages } = await queryClient.infiniteQuery({ ...query, pages: 3 });
    expect(pages.map(({ users }) => users.length)).toEqual([2, 2, 1]);
    expect(new Set(pages.flatMap(({ users }) => users.map(({ id }) => id))).size).toBe(5);
  });

  test('has no next page where the last one is full', async () => {
    expect(await listUsers({ search: 'pages.example', limit: 5 })).toEqual({
      users: made,
      nextCursor: null,
    });
  });

  test('keeps to its place when users come and go between two pages', async () => {
    const first = await listUsers({ search: 'pages.example', limit: 2 });
    const guest = await register(api, { email: 'list-6@pages.example' });
    const second = await listUsers({
      search: 'pages.example',
      limit: 2,
      cursor: first.nextCursor,
    });
    await api.mutate('user.delete', {
      token: guest.accessToken,
      input: { password: goodPassword },
    });
    expect([...first.users, ...second.users]).toEqual(made.slice(0, 4));
  });

  test.each([
    ['part of an address', 'IST-3@PAGES', [3]],
    ['part of a username', 'ager_4', [4]],
    ['part of a name, whatever the case', 'üNIQUE 5', [5]],
  ])('finds users by %s', async (_name, search, expected) => {
    const { users } = await listUsers({ search });
    expect(users.map(({ username }) => username)).toEqual(expected.map((n) => `pager_${n}`));
  });

  test.each(['100%25', '%', '_ager', 'pager%', '\\', "' OR '1'='1", '*', 'Page_100'])(
    'Z-23: takes %s for the characters that they are',
    async (search) => {
      const { users } = await listUsers({ search });
      const expected = search === '%' ? made : [];
      expect(users).toEqual(expected);
    },
  );

  test('an empty search is none', async () => {
    expect(await listUsers({ search: '' })).toEqual(await listUsers({}));
    expect(valueOf(await api.query('admin.listUsers', { token }))).toEqual(await listUsers({}));
  });

  test('filters by role and by status', async () => {
    const [first] = made;
    valueOf(await about('disableUser', first?.id));
    const disabled = await listUsers({ search: 'pages.example', status: 'disabled' });
    const active = await listUsers({ search: 'pages.example', status: 'active' });
    valueOf(await about('enableUser', first?.id));
    expect(disabled.users.map(({ id }) => id)).toEqual([first?.id]);
    expect(active.users).toEqual(made.slice(1));
    const admins = await listUsers({ role: 'admin' });
    expect(admins.users.map(({ id }) => id)).toEqual([admin.id]);
  });

  test.each([
    { limit: 0 },
    { limit: -1 },
    { limit: 101 },
    { limit: 1e9 },
    { limit: 1.5 },
    { limit: '10' },
    { limit: '1;--' },
    { limit: null },
    { cursor: 'x' },
    { cursor: `${unknownId}' OR 1=1` },
    { cursor: [unknownId] },
    { role: 'owner' },
    { role: ['admin'] },
    { status: 'deleted' },
    { search: 'x'.repeat(101) },
    { search: 'a\0b' },
    { search: { contains: 'a' } },
    { offset: 1 },
  ])('Z-15: refuses %j', async (input) => {
    expect(refusalOf(await api.query('admin.listUsers', { token, input }))).toBe(
      refusals.invalidInput,
    );
  });

  test('takes the bounds of limit', async () => {
    expect((await listUsers({ limit: 1 })).users).toHaveLength(1);
    expect((await listUsers({ limit: 100 })).users.length).toBeGreaterThan(5);
  });
});

describe('admin.getUser', () => {
  test('answers a user, by an id in any case', async () => {
    const { user } = await register(api);
    const input = { userId: user.id.toUpperCase() };
    expect(valueOf(await api.query('admin.getUser', { token, input }))).toEqual(user);
  });
});

describe('admin.setRole', () => {
  test('Z-03, Z-04: a change of role makes tokens stale at once; refreshed, they have it', async () => {
    const person = await register(api);
    const promoted = userOf(await about('setRole', person.user.id, { role: 'admin' }));
    expect(promoted).toMatchObject({ id: person.user.id, role: 'admin' });
    for (const path of ['user.me', 'admin.listUsers']) {
      expect(refusalOf(await api.query(path, { token: person.accessToken }))).toBe(
        refusals.tokenStale,
      );
    }
    const asAdmin = signedInOf(await refresh(api, person.refreshToken));
    expect(asAdmin.user.role).toBe('admin');
    expect((await api.query('admin.listUsers', { token: asAdmin.accessToken })).status).toBe(200);

    valueOf(await about('setRole', person.user.id, { role: 'user' }));
    expect(refusalOf(await api.query('admin.listUsers', { token: asAdmin.accessToken }))).toBe(
      refusals.tokenStale,
    );
    // The role is again the one of the first token: it stays stale all the same.
    expect(refusalOf(await api.query('user.me', { token: person.accessToken }))).toBe(
      refusals.tokenStale,
    );
    const asUser = signedInOf(await refresh(api, asAdmin.refreshToken));
    expect(refusalOf(await api.query('admin.listUsers', { token: asUser.accessToken }))).toBe(
      refusals.forbidden,
    );
  });

  test('the role that somebody has changes nothing', async () => {
    const person = await register(api);
    expect(valueOf(await about('setRole', person.user.id, { role: 'user' }))).toEqual(person.user);
    expect(await whatWorks(api, person)).toEqual({ me: true, refresh: true });
  });

  test.each(['ADMIN', 'Admin', 'admin ', 'admin\0', 'owner', '', ['admin'], { role: 'admin' }, 1])(
    'Z-24: refuses the role %j',
    async (role) => {
      const { user } = await register(api);
      expect(refusalOf(await about('setRole', user.id, { role }))).toBe(refusals.invalidInput);
      const input = { userId: user.id };
      expect(valueOf(await api.query('admin.getUser', { token, input }))).toEqual(user);
    },
  );
});

describe('admin.disableUser and admin.enableUser', () => {
  test('Z-05, R-27: disabling keeps a user out at once; enabling revives no session', async () => {
    const person = await register(api);
    const disabled = userOf(await about('disableUser', person.user.id));
    expect(disabled).toMatchObject({ id: person.user.id, status: 'disabled' });
    const expectEnded = async () => {
      for (const path of ['user.me', 'session.list']) {
        const answer = await api.query(path, { token: person.accessToken });
        expect(refusalOf(answer)).toBe(refusals.sessionRevoked);
      }
      expect(refusalOf(await refresh(api, person.refreshToken))).toBe(refusals.sessionRevoked);
    };
    await expectEnded();
    const input = { email: person.user.email, password: goodPassword };
    expect(refusalOf(await api.mutate('auth.login', { input }))).toBe(refusals.invalidCredentials);

    expect(userOf(await about('enableUser', person.user.id)).status).toBe('active');
    await expectEnded();
    expect((await me(api, (await login(api, person.user.email)).accessToken)).id).toBe(
      person.user.id,
    );
  });

  test('R-15: of disabling and refreshes at once, nothing survives', async () => {
    for (let round = 0; round < 10; round += 1) {
      const person = await register(api);
      const [disabled, ...refreshed] = await Promise.all([
        about('disableUser', person.user.id),
        ...Array.from({ length: 4 }, () => refresh(api, person.refreshToken)),
      ]);
      expect(disabled.status).toBe(200);
      for (const answer of refreshed.filter(({ status }) => status === 200)) {
        const works = await whatWorks(api, signedInOf(answer));
        expect(works).toEqual({ me: false, refresh: false });
      }
    }
  });
});

describe('admin.revokeSessions', () => {
  test('ends every session of a user, and of nobody else', async () => {
    const phone = await register(api);
    const laptop = await login(api, phone.user.email);
    const bystander = await register(api);
    expect(valueOf(await about('revokeSessions', phone.user.id))).toEqual({ revoked: 2 });
    expect(valueOf(await about('revokeSessions', phone.user.id))).toEqual({ revoked: 0 });
    expect(await whatWorks(api, phone)).toEqual({ me: false, refresh: false });
    expect(await whatWorks(api, laptop)).toEqual({ me: false, refresh: false });
    expect(await whatWorks(api, bystander)).toEqual({ me: true, refresh: true });
    await login(api, phone.user.email);
  });
});

describe('admin.listSessions', () => {
  const list = async (userId: string) =>
    valueOf(await api.query('admin.listSessions', { token, input: { userId } })) as Session[];

  test('answers what the user sees of them, newest first, and calls none of them its own', async () => {
    const phone = await register(api);
    const laptop = await login(api, phone.user.email);
    const own = valueOf(
      await api.query('session.list', { token: laptop.accessToken }),
    ) as Session[];
    expect(own.map(({ current }) => current)).toEqual([true, false]);
    expect(await list(phone.user.id)).toEqual(own.map((each) => ({ ...each, current: false })));
    valueOf(await api.mutate('auth.logout', { token: laptop.accessToken }));
    expect(await list(phone.user.id)).toEqual([own[1]]);
  });

  test('of the admin’s own, the one that asks is the current one', async () => {
    const sessions = await list(admin.id);
    const current = sessions.filter(({ current }) => current).map(({ id }) => id);
    expect(current).toEqual([decodeJwt(token)['sid']]);
  });
});

describe('admin.revokeSession', () => {
  test('ends that one, once, and says in the audit log who did it', async () => {
    const phone = await register(api);
    const laptop = await login(api, phone.user.email);
    const sessionId = String(decodeJwt(phone.accessToken)['sid']);
    const revoke = async () => valueOf(await about('revokeSession', phone.user.id, { sessionId }));
    expect(await revoke()).toEqual({ revoked: true });
    const { events } = await listEvents({ userId: phone.user.id, limit: 1 });
    expect(events).toEqual([
      expect.objectContaining({ type: 'session.revoked', actorId: admin.id, sessionId }),
    ]);
    expect(await revoke()).toEqual({ revoked: false });
    expect(await listEvents({ userId: phone.user.id, limit: 1 })).toMatchObject({ events });
    expect(await whatWorks(api, phone)).toEqual({ me: false, refresh: false });
    expect(await whatWorks(api, laptop)).toEqual({ me: true, refresh: true });
  });

  test('a session of another user is as good as unknown', async () => {
    const [named, other] = [await register(api), await register(api)];
    const sessionId = String(decodeJwt(other.accessToken)['sid']);
    for (const id of [sessionId, unknownId]) {
      const answer = await about('revokeSession', named.user.id, { sessionId: id });
      expect(valueOf(answer)).toEqual({ revoked: false });
    }
    expect(await whatWorks(api, other)).toEqual({ me: true, refresh: true });
  });
});

describe('a user that there is not', () => {
  const calls = {
    listSessions: (userId: unknown) =>
      api.query('admin.listSessions', { token, input: { userId } }),
    revokeSession: (userId: unknown) => about('revokeSession', userId, { sessionId: unknownId }),
    getUser: (userId: unknown) => api.query('admin.getUser', { token, input: { userId } }),
    setRole: (userId: unknown) => about('setRole', userId, { role: 'admin' }),
    disableUser: (userId: unknown) => about('disableUser', userId),
    enableUser: (userId: unknown) => about('enableUser', userId),
    revokeSessions: (userId: unknown) => about('revokeSessions', userId),
  };

  test.each(Object.entries(calls))('admin.%s answers not_found', async (_name, call) => {
    expect(refusalOf(await call(unknownId))).toBe(refusals.notFound);
  });

  test.each(Object.entries(calls))('Z-11: admin.%s refuses what is no id', async (_name, call) => {
    for (const id of [
      '',
      '1',
      '%',
      admin.email,
      [admin.id],
      { id: admin.id },
      'x'.repeat(10_000),
    ]) {
      expect(refusalOf(await call(id))).toBe(refusals.invalidInput);
    }
  });

  test.each(['disableUser', 'enableUser', 'revokeSessions', 'revokeSession'])(
    'admin.%s refuses unknown keys',
    async (path) => {
      const { user } = await register(api);
      const answer = await about(path, user.id, { reason: 'spam' });
      expect(refusalOf(answer)).toBe(refusals.invalidInput);
    },
  );
});

describe('the last admin', () => {
  test('Z-07: cannot be demoted, disabled or deleted, while others come and go', async () => {
    await using alone = await createTestLatchkey();
    const lonely = createApi((await alone.serve()).url);
    const only = await alone.signInAs({ role: 'admin' });
    const call = (path: string, input: object) =>
      lonely.mutate(path, { token: only.accessToken, input });
    const { id: userId } = only.user;
    const attempts = () =>
      Promise.all([
        call('admin.setRole', { userId, role: 'user' }),
        call('admin.disableUser', { userId }),
        call('user.delete', { password: 'a test password of the kit' }),
      ]);
    for (const answer of await attempts()) expect(refusalOf(answer)).toBe(refusals.lastAdmin);

    // A disabled admin is none that could help.
    const second = await alone.signInAs({ role: 'admin' });
    valueOf(await call('admin.disableUser', { userId: second.user.id }));
    for (const answer of await attempts()) expect(refusalOf(answer)).toBe(refusals.lastAdmin);
    expect(await whatWorks(lonely, only)).toEqual({ me: true, refresh: true });

    valueOf(await call('admin.enableUser', { userId: second.user.id }));
    expect((await call('admin.setRole', { userId, role: 'user' })).status).toBe(200);
  });

  test('Z-07: two admins who demote each other at once leave one', async () => {
    for (let round = 0; round < 5; round += 1) {
      await using pair = await createTestLatchkey();
      const wire = createApi((await pair.serve()).url);
      const [one, other] = [
        await pair.signInAs({ role: 'admin' }),
        await pair.signInAs({ role: 'admin' }),
      ];
      const demote = (by: SignedIn, whom: SignedIn) =>
        wire.mutate('admin.setRole', {
          token: by.accessToken,
          input: { userId: whom.user.id, role: 'user' },
        });
      const answers = await Promise.all([demote(one, other), demote(other, one)]);
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    }
  });
});

describe('admin.listAuditEvents', () => {
  test('answers who did what to whom, when and from where', async () => {
    const { user } = await register(api);
    t.clock.advance(1);
    valueOf(await about('setRole', user.id, { role: 'admin' }));
    const at = new Date(t.clock.now()).toISOString();
    valueOf(await about('setRole', user.id, { role: 'user' }));
    const { events, nextCursor } = await listEvents({
      userId: user.id,
      type: 'user.role_changed',
    });
    expect(nextCursor).toBe(null);
    expect(events).toEqual(
      ['user', 'admin'].map((role) => ({
        id: like.id,
        at,
        type: 'user.role_changed',
        actorId: admin.id,
        userId: user.id,
        sessionId: like.id,
        ip: '127.0.0.1',
        userAgent: 'node',
        detail: { role },
      })),
    );
  });

  test('has an event of every step of an account, and pages through them', async () => {
    const first = await register(api);
    const { id: userId, email } = first.user;
    const second = await login(api, email);
    await api.mutate('auth.login', { input: { email, password: 'wrong' } });
    await api.mutate('user.update', { token: first.accessToken, input: { name: 'N' } });
    await api.mutate('session.revokeOthers', { token: first.accessToken });
    const changed = signedInOf(
      await api.mutate('user.changePassword', {
        token: first.accessToken,
        input: { currentPassword: goodPassword, newPassword: `${goodPassword} 2` },
      }),
    );
    valueOf(await refresh(api, changed.refreshToken));
    t.clock.advance(11);
    await refresh(api, changed.refreshToken);
    valueOf(await about('disableUser', userId));
    valueOf(await about('enableUser', userId));
    const types: string[] = [];
    let cursor: string | null = null;
    do {
      const page: AuditPage = await listEvents({
        userId,
        limit: 3,
        ...(cursor === null ? {} : { cursor }),
      });
      types.push(...page.events.map(({ type }) => type));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(types.toReversed()).toEqual([
      'user.registered',
      'sign_in.succeeded',
      'sign_in.failed',
      'user.updated',
      'session.revoked',
      'user.password_changed',
      'session.refresh_reused',
      'user.disabled',
      'user.enabled',
    ]);
    expect(await whatWorks(api, second)).toEqual({ me: false, refresh: false });
  });

  test('R-34: keeps no more of a user agent than a session does', async () => {
    const { accessToken, user } = await register(api);
    const headers = { 'user-agent': 'y'.repeat(8_000) };
    await api.mutate('user.update', { token: accessToken, input: { name: 'N' }, headers });
    await api.mutate('auth.logout', { token: accessToken, headers });
    const { events } = await listEvents({ userId: user.id, limit: 2 });
    expect(events.map(({ userAgent }) => userAgent?.length)).toEqual([256, 256]);
  });

  test.each([
    { limit: 0 },
    { limit: 101 },
    { limit: 2.5 },
    { cursor: 'x' },
    { type: "x' OR 1=1" },
    { type: ['user.created'] },
    { userId: 'x' },
    { from: 0 },
  ])('Z-15: refuses %j', async (input) => {
    expect(refusalOf(await api.query('admin.listAuditEvents', { token, input }))).toBe(
      refusals.invalidInput,
    );
  });
});

describe('admin.rotateKeys', () => {
  test('answers the key that signs from now on: the one that was published as the next', async () => {
    interface Keys {
      keys: { kid: string }[];
    }
    const read = async () =>
      (JSON.parse((await api.send('/.well-known/jwks.json')).text) as Keys).keys.map(
        ({ kid }) => kid,
      );
    const before = await read();
    const answer = await api.mutate('admin.rotateKeys', { token });
    const { activeKeyId } = valueOf(answer) as { activeKeyId: string };
    expect(before).toContain(activeKeyId);
    const { accessToken } = await register(api);
    expect(decodeProtectedHeader(accessToken).kid).toBe(activeKeyId);
    const after = await read();
    expect(after).toEqual(expect.arrayContaining(before));
    expect(after).toHaveLength(before.length + 1);
  });
});

describe('admin.listKeys', () => {
  test('answers the next key, the active one and the retired, and what each is for', async () => {
    t.clock.advance(1);
    const { activeKeyId } = valueOf(await api.mutate('admin.rotateKeys', { token })) as {
      activeKeyId: string;
    };
    const { keys } = valueOf(await api.query('admin.listKeys', { token })) as {
      keys: SigningKey[];
    };
    const [next, active, ...retired] = keys;
    const createdAt = new Date(t.clock.now()).toISOString();
    expect(next).toEqual({ id: like.text, algorithm: 'EdDSA', status: 'next', createdAt });
    expect(active).toMatchObject({ id: activeKeyId, status: 'active' });
    expect(retired.length).toBeGreaterThan(0);
    for (const key of retired) expect(key.status).toBe('retired');
  });
});

describe('admin.figures', () => {
  test('answers users, live sessions and what went on, in 48 steps up to now', async () => {
    const now = new Date(t.clock.now()).toISOString();
    const figures = valueOf(await api.query('admin.figures', { token })) as Figures;
    expect(figures.stepSeconds).toBe(1_800);
    expect(figures.points).toHaveLength(48);
    expect(figures.points.at(-1)).toMatchObject({
      at: now,
      activeSessions: figures.activeSessions,
    });
    expect(figures.activeSessions).toBeGreaterThan(1);
    expect(figures.users).toBeGreaterThan(1);
    const hour = valueOf(
      await api.query('admin.figures', { token, input: { hours: 1 } }),
    ) as Figures;
    expect(hour).toMatchObject({ users: figures.users, stepSeconds: 75 });
  });

  test.each([{ hours: 0 }, { hours: 25 }, { hours: 1.5 }, { hours: '1' }, { days: 1 }])(
    'refuses %j',
    async (input) => {
      expect(refusalOf(await api.query('admin.figures', { token, input }))).toBe(
        refusals.invalidInput,
      );
    },
  );
});

describe('everything an admin can read', () => {
  test('Z-14: holds no hash, no token and no key', async () => {
    const person = await register(api, { username: 'scanned', name: 'Scanned' });
    await login(api, person.user.email);
    const answers = await Promise.all([
      api.query('admin.listUsers', { token, input: { limit: 100 } }),
      api.query('admin.listAuditEvents', { token, input: { limit: 100 } }),
      api.query('admin.getUser', { token, input: { userId: person.user.id } }),
      api.query('admin.listSessions', { token, input: { userId: person.user.id } }),
      api.query('admin.listKeys', { token }),
      api.query('admin.figures', { token }),
      api.query('session.list', { token: person.accessToken }),
      api.query('user.me', { token: person.accessToken }),
      api.send('/.well-known/jwks.json'),
    ]);
    for (const { status, text } of answers) {
      expect(status).toBe(200);
      expect(text).not.toMatch(/\$2[aby]\$|p1:|[0-9a-f]{64}|hash|secret|sealed|tokenKey|"d":/i);
      expect(text).not.toContain(person.accessToken);
      expect(text).not.toContain(person.refreshToken);
    }
  });
});
