import { request, Agent } from 'node:http';
import { decodeJwt } from 'jose';
import { afterAll, afterEach, expect, test } from 'vitest';
import {
  auditPageOf,
  createApi,
  goodPassword,
  me,
  refresh,
  refusals,
  register,
  sessionsOf,
  signedInOf,
  userOf,
  userPageOf,
  valueOf,
  whatWorks,
  type Answer,
  type CallOptions,
  type SignedIn,
  type WireError,
} from '../contract/api.ts';
import { procedures, type ProcedureRow } from '../contract/procedures.ts';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';
import { inGroups, login, outcomeOf, postTo, range, startTarget, tally } from './target.ts';

const target = await startTarget();
const { t, api } = target;
afterEach(() => target.assertUnharmed());
afterAll(() => t.close());

const admin = await t.signInAs({ role: 'admin' });
const nobodysId = '00000000-0000-7000-8000-000000000000';
const dead = { me: false, refresh: false };
const alive = { me: true, refresh: true };

function call({ path, kind }: ProcedureRow, options: CallOptions = {}): Promise<Answer> {
  return kind === 'query' ? api.query(path, options) : api.mutate(path, options);
}

function asAdmin(path: string, input?: unknown): Promise<Answer> {
  const kind = procedures.find((each) => each.path === `admin.${path}`)?.kind ?? 'mutation';
  return call(
    { path: `admin.${path}`, kind, access: 'admin' },
    { token: admin.accessToken, input },
  );
}

test('Z-01 without a token or with garbage every procedure is closed but the four public ones', async () => {
  const { procedures: served } = t.latchkey.appRouter._def;
  expect(Object.keys(served).toSorted()).toEqual(procedures.map(({ path }) => path).toSorted());
  const open: string[] = [];
  for (const row of procedures) {
    const without = outcomeOf(await call(row, { input: {} }));
    const garbage = outcomeOf(await call(row, { input: {}, token: 'garbage' }));
    if (row.access === 'public') {
      open.push(row.path);
      continue;
    }
    expect([row.path, without, garbage]).toEqual([
      row.path,
      refusals.tokenMissing,
      refusals.tokenInvalid,
    ]);
  }
  expect(open).toEqual(['auth.register', 'auth.login', 'auth.refresh', 'auth.logout']);
});

test('Z-02 an ordinary user gets one and the same answer from all that is the admin’s', async () => {
  const { accessToken: token } = await register(api);
  for (const row of procedures.filter(({ access }) => access === 'admin')) {
    const inputs = [undefined, {}, { userId: target.victim.user.id }, { userId: nobodysId }, 'x'];
    const answers = await Promise.all(inputs.map((input) => call(row, { token, input })));
    expect(new Set(answers.map(outcomeOf))).toEqual(new Set([refusals.forbidden]));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  }
});

test('Z-03 an admin who was demoted is none at the next call: the token is stale, and refreshed forbidden', async () => {
  const person = await register(api);
  const { id: userId } = person.user;
  valueOf(await asAdmin('setRole', { userId, role: 'admin' }));
  const raised = signedInOf(await refresh(api, person.refreshToken));
  expect(outcomeOf(await api.query('admin.listUsers', { token: raised.accessToken }))).toBe(
    'answered',
  );
  valueOf(await asAdmin('setRole', { userId, role: 'user' }));
  for (const row of procedures.filter(({ access }) => access === 'admin')) {
    expect(outcomeOf(await call(row, { token: raised.accessToken }))).toBe(refusals.tokenStale);
  }
  const { accessToken } = signedInOf(await refresh(api, raised.refreshToken));
  expect(outcomeOf(await api.query('admin.listUsers', { token: accessToken }))).toBe(
    refusals.forbidden,
  );
});

test('Z-04 a user who was promoted is an admin after the next refresh, not before', async () => {
  const person = await register(api);
  valueOf(await asAdmin('setRole', { userId: person.user.id, role: 'admin' }));
  const early = await api.query('admin.listUsers', { token: person.accessToken });
  expect(outcomeOf(early)).toBe(refusals.tokenStale);
  const { accessToken: token } = signedInOf(await refresh(api, person.refreshToken));
  expect(outcomeOf(await api.query('admin.listUsers', { token }))).toBe('answered');
  valueOf(await asAdmin('setRole', { userId: person.user.id, role: 'user' }));
});

test('Z-05 a disabled user is refused at once with every token', async () => {
  const person = await register(api);
  valueOf(await asAdmin('disableUser', { userId: person.user.id }));
  for (const row of procedures.filter(({ access }) => access === 'protected')) {
    expect(outcomeOf(await call(row, { token: person.accessToken, input: {} }))).toBe(
      refusals.sessionRevoked,
    );
  }
  expect(await whatWorks(api, person)).toEqual(dead);
  const input = { email: person.user.email, password: goodPassword };
  expect(outcomeOf(await login(api, input))).toBe(refusals.invalidCredentials);
});

test('Z-06 a deleted user is refused everywhere, and nothing breaks', async () => {
  const person = await register(api);
  const { accessToken: token } = person;
  valueOf(await api.mutate('user.delete', { token, input: { password: goodPassword } }));
  for (const row of procedures.filter(({ access }) => access !== 'public')) {
    expect(outcomeOf(await call(row, { token, input: {} }))).toBe(refusals.sessionRevoked);
  }
  expect(outcomeOf(await refresh(api, person.refreshToken))).toBe(refusals.sessionRevoked);
  expect(valueOf(await api.mutate('auth.logout', { token }))).toEqual({ revoked: false });
});

test('Z-07 the last admin cannot be demoted, disabled or deleted, not by two at once either', async () => {
  await using other = await startTarget();
  const [a, b] = [
    await other.t.signInAs({ role: 'admin', email: 'a@z.example' }),
    await other.t.signInAs({ role: 'admin', email: 'b@z.example' }),
  ];
  const demote = (by: typeof a, whom: typeof a) =>
    other.api.mutate('admin.setRole', {
      token: by.accessToken,
      input: { userId: whom.user.id, role: 'user' },
    });
  const outcomes = (await Promise.all([demote(a, b), demote(b, a)])).map(outcomeOf);
  expect(outcomes.filter((outcome) => outcome === 'answered')).toHaveLength(1);
  const last = outcomes[0] === 'answered' ? a : b;
  const { accessToken: token } = last;
  const userId = last.user.id;
  for (const answer of [
    await demote(last, last),
    await other.api.mutate('admin.disableUser', { token, input: { userId } }),
    await other.api.mutate('user.delete', {
      token,
      input: { password: 'a test password of the kit' },
    }),
  ]) {
    expect(outcomeOf(answer)).toBe(refusals.lastAdmin);
  }
  expect(await me(other.api, token)).toMatchObject({ role: 'admin', status: 'active' });
});

test('Z-09 no member that is the server’s own can be assigned', async () => {
  const extra: Readonly<Record<string, unknown>> = {
    role: 'admin',
    isAdmin: true,
    roles: ['admin'],
    id: nobodysId,
    emailVerified: true,
    disabled: false,
    status: 'active',
    createdAt: '2000-01-01T00:00:00.000Z',
    passwordHash: 'x',
    tokenVersion: 9,
    authorizationVersion: 9,
    user: { role: 'admin' },
    constructor: { prototype: { role: 'admin' } },
  };
  const person = await register(api);
  const account = { email: 'mass@z.example', password: goodPassword };
  for (const [key, value] of Object.entries(extra)) {
    const input = { ...account, [key]: value };
    expect(outcomeOf(await api.mutate('auth.register', { input }))).toBe(refusals.invalidInput);
    const change = { token: person.accessToken, input: { name: 'x', [key]: value } };
    expect(outcomeOf(await api.mutate('user.update', change))).toBe(refusals.invalidInput);
  }
  for (const path of ['auth.register', 'user.update']) {
    const body = `{"email":"mass@z.example","password":"${goodPassword}","name":"x","__proto__":{"role":"admin"}}`;
    const headers = { authorization: `Bearer ${person.accessToken}` };
    expect(outcomeOf(await postTo(api)(path, body, headers))).toBe(refusals.invalidInput);
  }
  const next = signedInOf(await refresh(api, person.refreshToken));
  expect(next.user).toEqual(person.user);
  expect(userOf(await asAdmin('getUser', { userId: person.user.id }))).toEqual(person.user);
  expect(decodeJwt(next.accessToken)).toMatchObject({ role: 'user', ver: 0 });
});

test('Z-10 another user’s session answers as one that there is not', async () => {
  const [a, b] = [await register(api), await register(api)];
  const revoke = (sessionId: unknown) =>
    api.mutate('session.revoke', { token: a.accessToken, input: { sessionId } });
  const foreign = await revoke(decodeJwt(b.accessToken)['sid']);
  const unknown = await revoke(nobodysId);
  expect(foreign.text).toBe(unknown.text);
  expect(valueOf(foreign)).toEqual({ revoked: false });
  expect(await whatWorks(api, b)).toEqual(alive);
});

test('Z-11 what is no id is refused, and in upper case it is the same id', async () => {
  const { id } = target.victim.user;
  const odd = [
    1,
    '1',
    '',
    [id],
    { id },
    `${id} `,
    'x'.repeat(10_000),
    '%',
    '_',
    "' OR '1'='1",
    null,
  ];
  for (const value of odd) {
    expect(outcomeOf(await asAdmin('getUser', { userId: value }))).toBe(refusals.invalidInput);
    const input = { sessionId: value };
    const revoked = await api.mutate('session.revoke', { token: admin.accessToken, input });
    expect(outcomeOf(revoked)).toBe(refusals.invalidInput);
  }
  expect(outcomeOf(await asAdmin('getUser', { userId: nobodysId }))).toBe(refusals.notFound);
  expect(userOf(await asAdmin('getUser', { userId: id.toUpperCase() })).id).toBe(id);
});

test('Z-13 no header says who calls', async () => {
  const { accessToken: token, user } = await register(api);
  const headers = {
    'x-user-id': admin.user.id,
    'x-role': 'admin',
    'x-admin': 'true',
    'x-forwarded-user': admin.user.email,
    'x-middleware-subrequest': 'middleware:middleware:middleware',
    'x-original-url': '/trpc/admin.listUsers',
    'x-http-method-override': 'POST',
  };
  expect(userOf(await api.query('user.me', { token, headers })).id).toBe(user.id);
  expect(outcomeOf(await api.query('admin.listUsers', { token, headers }))).toBe(
    refusals.forbidden,
  );
  expect(outcomeOf(await api.query('user.me', { headers }))).toBe(refusals.tokenMissing);
});

test('Z-14 no answer holds a hash, a key, or another user’s address', async () => {
  const person = await register(api);
  const { accessToken: token } = person;
  const answers = [
    await login(api, { email: person.user.email, password: goodPassword }),
    await api.query('user.me', { token }),
    await api.query('session.list', { token }),
    await api.mutate('user.update', { token, input: { name: 'x' } }),
    await api.mutate('auth.register', {
      input: { email: person.user.email, password: goodPassword },
    }),
    await api.query('admin.listUsers', { token }),
    await api.send('/.well-known/jwks.json'),
    await api.send('/.well-known/oauth-authorization-server'),
    await api.send('/health/ready'),
  ];
  const ofAdmin = [
    await asAdmin('listUsers'),
    await asAdmin('listAuditEvents'),
    await asAdmin('getUser', { userId: person.user.id }),
  ];
  for (const { text } of [...answers, ...ofAdmin]) {
    // The name of a way to authenticate (RFC 8414 §2).
    const said = text.replace('client_secret_basic', '');
    expect(said).not.toMatch(/\$2[abxy]?\$|\b[0-9a-f]{64}\b|secret|hash|sealed|"d":/i);
  }
  for (const { text } of answers) {
    const others = text.replaceAll(person.user.email, '').match(/[\w.-]+@[\w.-]+/g);
    expect(others).toBe(null);
  }
});

test('Z-15 a page has 100 rows at most, and a cursor is an id or refused', async () => {
  for (const path of ['listUsers', 'listAuditEvents']) {
    for (const limit of [-1, 0, 101, 1e9, 1.5, null, '1;--', '10', [10], Number.MAX_VALUE]) {
      expect(outcomeOf(await asAdmin(path, { limit }))).toBe(refusals.invalidInput);
    }
    for (const cursor of ['1', "' OR 1=1--", 1, {}, [nobodysId], `${nobodysId}x`]) {
      expect(outcomeOf(await asAdmin(path, { cursor }))).toBe(refusals.invalidInput);
    }
    expect(outcomeOf(await asAdmin(path, { limit: 100, cursor: nobodysId }))).toBe('answered');
  }
  expect(userPageOf(await asAdmin('listUsers', { limit: 2 })).users).toHaveLength(2);
});

test('Z-18 fifty users at once on few connections, alone and in batches, each get their own', async () => {
  await using other = await createTestLatchkey();
  const { url: otherUrl } = await other.serve();
  const wire = createApi(otherUrl);
  const people = await inGroups(range(50), 10, () => register(wire));
  const agent = new Agent({ keepAlive: true, maxSockets: 5 });
  const ask = (target_: string, person: SignedIn) =>
    new Promise<string>((resolve, reject) => {
      const headers = { authorization: `Bearer ${person.accessToken}` };
      request(`${otherUrl}/trpc/${target_}`, { agent, headers }, (res) => {
        let text = '';
        res.on('data', (piece: Buffer) => {
          text += piece.toString();
        });
        res.on('end', () => resolve(text));
      })
        .on('error', reject)
        .end();
    });
  const answers = await inGroups(range(2_000), 200, async (index) => {
    const person = people[index % 50]!;
    const path = index % 3 === 0 ? 'user.me,user.me?batch=1' : 'user.me';
    const ids = [...(await ask(path, person)).matchAll(/"id":"([^"]+)"/g)].map(([, id]) => id);
    return ids.length > 0 && ids.every((id) => id === person.user.id) ? 'own' : 'foreign';
  });
  agent.destroy();
  expect(tally(answers)).toEqual({ own: 2_000 });
});

test('Z-19 in a mixed batch each call has its own answer, and a refused one does nothing', async () => {
  const person = await register(api);
  const body = JSON.stringify({
    0: {},
    1: { userId: target.victim.user.id },
    2: { name: 'Changed' },
    3: { userId: target.victim.user.id, role: 'admin' },
  });
  const answer = await postTo(api)(
    'auth.logout,admin.disableUser,user.update,admin.setRole?batch=1',
    // Of a logout that names no session: the bearer's own would end, and with it the rest.
    body.replace('"0":{}', '"0":{"refreshToken":"none"}'),
    { authorization: `Bearer ${person.accessToken}` },
  );
  expect(answer.status).toBe(207);
  const elements = JSON.parse(answer.text) as { result?: { data: unknown }; error?: WireError }[];
  expect(elements.map(({ result, error }) => (result ? 'answered' : error?.data.code))).toEqual([
    'answered',
    'FORBIDDEN',
    'answered',
    'FORBIDDEN',
  ]);
  expect((await me(api, person.accessToken)).name).toBe('Changed');
  expect((await me(api, target.victim.accessToken)).role).toBe('user');
});

test('Z-21 a new password and the end of the account want the password; an address cannot be changed', async () => {
  const { accessToken: token } = await register(api);
  for (const [path, input] of [
    [
      'user.changePassword',
      { currentPassword: 'not the password', newPassword: `${goodPassword}!` },
    ],
    ['user.delete', { password: 'not the password' }],
  ] as const) {
    expect(outcomeOf(await api.mutate(path, { token, input }))).toBe(refusals.invalidCredentials);
  }
  expect(
    outcomeOf(await api.mutate('user.changePassword', { token, input: { newPassword: 'x' } })),
  ).toBe(refusals.invalidInput);
  const moved = await api.mutate('user.update', { token, input: { email: 'else@z.example' } });
  expect(outcomeOf(moved)).toBe(refusals.invalidInput);
  // Ending sessions needs none: whoever sees a thief must be able to act at once.
  expect(outcomeOf(await api.mutate('session.revokeAll', { token }))).toBe('answered');
});

test('Z-22 no admin sets another’s password', async () => {
  const { id: userId } = target.victim.user;
  expect(procedures.filter(({ path }) => /^admin\..*password/i.test(path))).toEqual([]);
  for (const path of ['admin.setPassword', 'admin.updateUser', 'admin.changePassword']) {
    const input = { userId, password: goodPassword };
    const answer = await api.mutate(path, { token: admin.accessToken, input });
    expect(outcomeOf(answer)).toBe(refusals.notFound);
  }
  const named = { userId, currentPassword: goodPassword, newPassword: `${goodPassword}!` };
  const own = await api.mutate('user.changePassword', { token: admin.accessToken, input: named });
  expect(outcomeOf(own)).toBe(refusals.invalidInput);
});

test('Z-23 a search takes % and _ for themselves, and an empty one is a page of all', async () => {
  const search = async (text: string) =>
    userPageOf(await asAdmin('listUsers', { search: text, limit: 100 })).users.length;
  await register(api, { name: 'a_b%c, \\ sure' });
  expect(await search('a_b%c')).toBe(1);
  expect(await search('%')).toBe(1);
  expect(await search('\\')).toBe(1);
  expect(await search('a%c,')).toBe(0);
  expect(await search("' OR 1=1 --")).toBe(0);
  expect(await search('')).toBeGreaterThan(10);
});

test('Z-24 no role but those that there are, letter by letter', async () => {
  const person = await register(api);
  const { id: userId } = person.user;
  const roles = [
    'ADMIN',
    'Admin',
    'admin ',
    'admin\0',
    'root',
    '',
    ['admin'],
    { role: 'admin' },
    1,
    null,
    '__proto__',
    'constructor',
  ];
  for (const role of roles) {
    expect(outcomeOf(await asAdmin('setRole', { userId, role }))).toBe(refusals.invalidInput);
  }
  expect(await me(api, person.accessToken)).toMatchObject({ role: 'user' });
  const { events } = auditPageOf(
    await asAdmin('listAuditEvents', { userId, type: 'user.role_changed' }),
  );
  expect(events).toEqual([]);
  expect(sessionsOf(await api.query('session.list', { token: person.accessToken }))).toHaveLength(
    1,
  );
});
