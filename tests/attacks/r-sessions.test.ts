import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, afterEach, expect, onTestFinished, test, vi } from 'vitest';
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
  valueOf,
  whatWorks,
  type Answer,
  type Api,
  type SignedIn,
} from '../contract/api.ts';
import { requestText } from '../contract/raw-socket.ts';
import { createFolder, startProcess } from '../contract/server-process.ts';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';
import { mode } from '../kit/mode.ts';
import { readStored } from '../kit/read-stored.ts';
import { runSql } from '../kit/run-sql.ts';
import { inGroups, login, outcomeOf, range, startTarget, tally, type Target } from './target.ts';

const target = await startTarget();
const { t, api, url } = target;
afterEach(() => target.assertUnharmed());
afterAll(() => t.close());

const admin = await t.signInAs({ role: 'admin' });
const dead = { me: false, refresh: false };
const alive = { me: true, refresh: true };

async function signIn(person: SignedIn): Promise<SignedIn> {
  return signedInOf(await login(api, { email: person.user.email, password: goodPassword }));
}

async function outcomeOfRefresh({ refreshToken }: SignedIn, wire: Api = api): Promise<string> {
  return outcomeOf(await refresh(wire, refreshToken));
}

function asAdmin(path: string, input: object): Promise<Answer> {
  return api.mutate(`admin.${path}`, { token: admin.accessToken, input });
}

function sessionIdOf({ accessToken }: SignedIn): string {
  return String(decodeJwt(accessToken)['sid']);
}

/** Distinct refresh tokens among the answers to calls that were made at once. */
function successorsOf(answers: readonly Answer[]): Set<string> {
  const answered = answers.filter(({ status }) => status === 200);
  return new Set(answered.map((answer) => signedInOf(answer).refreshToken));
}

/** Turns the clock past the grace, within which a retry is no reuse. */
function passGrace(): void {
  t.clock.advance(11);
}

test('R-01 fifty rotations: each token is new, the old ones die, the session stays', async () => {
  const first = await register(api);
  const tokens = [first.refreshToken];
  let current = first;
  for (const _ of range(50)) {
    t.clock.advance(1);
    current = signedInOf(await refresh(api, current.refreshToken));
    tokens.push(current.refreshToken);
    expect(sessionIdOf(current)).toBe(sessionIdOf(first));
  }
  expect(new Set(tokens).size).toBe(51);
  const [session] = sessionsOf(await api.query('session.list', { token: current.accessToken }));
  expect(session?.lastSeenAt).toBe(new Date(t.clock.now()).toISOString());
});

test('R-02 a spent token outside the grace ends its session, the newest token too, and is audited', async () => {
  const first = await register(api);
  const other = await signIn(first);
  const second = signedInOf(await refresh(api, first.refreshToken));
  passGrace();
  expect(await outcomeOfRefresh(first)).toBe(refusals.refreshReused);
  expect(await whatWorks(api, second)).toEqual(dead);
  expect(await whatWorks(api, other)).toEqual(alive);
  const { events } = auditPageOf(
    await api.query('admin.listAuditEvents', {
      token: (await t.signInAs({ role: 'admin' })).accessToken,
      input: { userId: first.user.id, type: 'session.refresh_reused' },
    }),
  );
  expect(events).toHaveLength(1);
});

test('R-03 of up to 64 refreshes at once all get one successor, which works (10,000 races: npm run test:faults)', async () => {
  for (const size of [2, 4, 8, 16, 32, 64]) {
    for (const _ of range(5)) {
      const person = await register(api);
      const answers = await Promise.all(range(size).map(() => refresh(api, person.refreshToken)));
      expect(tally(answers.map(outcomeOf))).toEqual({ answered: size });
      const [successor = '', ...others] = successorsOf(answers);
      expect(others).toEqual([]);
      expect(outcomeOf(await refresh(api, successor))).toBe('answered');
    }
  }
});

test('R-06 a reply that is lost on the way can be asked for again', async () => {
  // Hands requests on, and cuts the line where the reply to the first should come.
  let eaten = 0;
  const proxy = createServer((req, res) => {
    const upstream = connect(Number(new URL(url).port), '127.0.0.1');
    req.on('data', (body: Buffer) => {
      const type = 'Content-Type: application/json';
      upstream.write(requestText(`${req.method} ${req.url}`, [type], body));
    });
    upstream.once('data', () => {
      eaten += 1;
      res.destroy();
    });
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  const { port } = proxy.address() as AddressInfo; // A TCP server has such an address.
  const person = await register(api);
  const lossy = createApi(`http://127.0.0.1:${port}`);
  await expect(refresh(lossy, person.refreshToken)).rejects.toThrow('fetch failed');
  expect(eaten).toBe(1);
  const retried = signedInOf(await refresh(api, person.refreshToken));
  const again = signedInOf(await refresh(api, person.refreshToken));
  expect(again.refreshToken).toBe(retried.refreshToken);
  expect(await whatWorks(api, retried)).toEqual(alive);
  proxy.close();
});

test('R-09 whoever comes first, thief or owner, there is one lineage, and outside the grace none', async () => {
  for (const isLate of [false, true]) {
    for (const order of ['thief first', 'owner first', 'in turns']) {
      const stolen = await register(api);
      const one = signedInOf(await refresh(api, stolen.refreshToken));
      const ahead = order === 'in turns' ? signedInOf(await refresh(api, one.refreshToken)) : one;
      if (isLate) passGrace();
      const late = await refresh(api, stolen.refreshToken);
      const candidates = [ahead, ...(late.status === 200 ? [signedInOf(late)] : [])];
      const live = new Set(candidates.map(({ refreshToken }) => refreshToken));
      expect(live.size).toBe(1);
      const isReuse = isLate || order === 'in turns';
      expect(outcomeOf(late)).toBe(isReuse ? refusals.refreshReused : 'answered');
      expect(await whatWorks(api, ahead)).toEqual(isReuse ? dead : alive);
    }
  }
});

test('R-10 reuse on one device leaves the other devices alone', async () => {
  const phone = await register(api);
  const laptop = await signIn(phone);
  await refresh(api, phone.refreshToken);
  passGrace();
  expect(await outcomeOfRefresh(phone)).toBe(refusals.refreshReused);
  expect(await whatWorks(api, laptop)).toEqual(alive);
});

test('R-11 logout ends the session once, and says nothing to those without one', async () => {
  const first = await register(api);
  const second = signedInOf(await refresh(api, first.refreshToken));
  const logout = (refreshToken: string) =>
    api.mutate('auth.logout', { input: { refreshToken } }).then(valueOf);
  expect(await logout(second.refreshToken)).toEqual({ revoked: true });
  expect(await outcomeOfRefresh(second)).toBe(refusals.sessionRevoked);
  expect(await outcomeOfRefresh(first)).toBe(refusals.sessionRevoked);
  const nobody = { revoked: false };
  expect(await logout(second.refreshToken)).toEqual(nobody);
  expect(await logout(first.refreshToken)).toEqual(nobody);
  expect(await logout('garbage')).toEqual(nobody);
  expect(await logout(`${target.victim.refreshToken.slice(0, -8)}AAAAAAAA`)).toEqual(nobody);
  expect(await logout(target.victim.accessToken)).toEqual(nobody);
});

test('R-12 exactly the sessions that are named end', async () => {
  const a = await register(api);
  const [b, c] = [await signIn(a), await signIn(a)];
  const call = (path: string, by: SignedIn, input?: object) =>
    api.mutate(`session.${path}`, { token: by.accessToken, input }).then(valueOf);
  expect(await call('revoke', a, { sessionId: sessionIdOf(b) })).toEqual({ revoked: true });
  expect(await whatWorks(api, b)).toEqual(dead);
  expect(await call('revokeOthers', a)).toEqual({ revoked: 1 });
  expect(await whatWorks(api, c)).toEqual(dead);
  const next = signedInOf(await refresh(api, a.refreshToken));
  expect(await call('revoke', next, { sessionId: sessionIdOf(next) })).toEqual({ revoked: true });
  const d = await signIn(a);
  const e = await signIn(a);
  expect(await call('revokeAll', d)).toEqual({ revoked: 2 });
  for (const each of [next, d, e]) expect(await whatWorks(api, each)).toEqual(dead);
});

test('R-13 credentials of two people in one call are refused, and neither is harmed', async () => {
  const [a, b] = [await register(api), await register(api)];
  const input = { refreshToken: a.refreshToken };
  const cookie = { cookie: `latchkey=${b.refreshToken}`, origin: 'http://localhost:4000' };
  for (const path of ['auth.refresh', 'auth.logout']) {
    for (const mixed of [{ token: b.accessToken }, { headers: cookie }]) {
      expect(outcomeOf(await api.mutate(path, { input, ...mixed }))).toBe(refusals.tokenInvalid);
    }
  }
  const sessionId = sessionIdOf(b);
  const foreign = await api.mutate('session.revoke', {
    token: a.accessToken,
    input: { sessionId },
  });
  expect(valueOf(foreign)).toEqual({ revoked: false });
  expect(outcomeOf(await api.mutate('auth.refresh', { input: { ...input, sessionId } }))).toBe(
    refusals.invalidInput,
  );
  expect(await whatWorks(api, a)).toEqual(alive);
  expect(await whatWorks(api, b)).toEqual(alive);
});

test('R-15 nothing lives on after disable, revokeAll, delete or a new password beside refreshes (2,000: npm run test:faults)', async () => {
  const ends: ((person: SignedIn) => Promise<Answer>)[] = [
    ({ user }) => asAdmin('disableUser', { userId: user.id }),
    ({ user }) => asAdmin('revokeSessions', { userId: user.id }),
    ({ accessToken: token }) => api.mutate('session.revokeAll', { token }),
    ({ accessToken: token }) =>
      api.mutate('user.delete', { token, input: { password: goodPassword } }),
  ];
  for (const end of ends) {
    for (const _ of range(10)) {
      const person = await register(api);
      const [ended, ...refreshed] = await Promise.all([
        end(person),
        ...range(4).map(() => refresh(api, person.refreshToken)),
      ]);
      expect(outcomeOf(ended)).toBe('answered');
      for (const answer of refreshed) {
        if (answer.status === 200) expect(await whatWorks(api, signedInOf(answer))).toEqual(dead);
      }
    }
  }
  for (const _ of range(10)) {
    const person = await register(api);
    const elsewhere = await signIn(person);
    const input = { currentPassword: goodPassword, newPassword: `${goodPassword} anew` };
    const [changed, beside, ...refreshed] = await Promise.all([
      api.mutate('user.changePassword', { token: person.accessToken, input }),
      refresh(api, elsewhere.refreshToken),
      ...range(4).map(() => refresh(api, person.refreshToken)),
    ]);
    const other = beside.status === 200 ? signedInOf(beside) : elsewhere;
    expect(await whatWorks(api, other)).toEqual(dead);
    for (const answer of refreshed) {
      if (answer.status !== 200) continue;
      const { refreshToken } = signedInOf(answer);
      expect((await refresh(api, refreshToken)).status).toBe(401);
    }
    expect(await whatWorks(api, signedInOf(changed))).toEqual(alive);
  }
});

test('R-16 a reuse beside a refresh of the newest token leaves nothing that refreshes', async () => {
  for (const _ of range(20)) {
    const first = await register(api);
    const second = signedInOf(await refresh(api, first.refreshToken));
    passGrace();
    const [reused, newest] = await Promise.all([
      refresh(api, first.refreshToken),
      refresh(api, second.refreshToken),
    ]);
    expect(outcomeOf(reused)).toBe(refusals.refreshReused);
    const last = newest.status === 200 ? signedInOf(newest) : second;
    expect(await whatWorks(api, last)).toEqual(dead);
  }
});

test('R-17 killed between commit and reply, the client goes on with the old token', async () => {
  await using folder = await createFolder();
  const variables = { DATABASE_URL: `file:${join(folder.path, 'a.db')}` };
  let person: SignedIn;
  {
    await using before = startProcess(variables);
    const wire = createApi(await before.ready);
    person = await register(wire);
    // Committed; what the reply says is as good as lost.
    await refresh(wire, person.refreshToken);
    before.kill('SIGKILL');
    await before.ended;
  }
  await using after = startProcess(variables);
  const wire = createApi(await after.ready);
  const retried = signedInOf(await refresh(wire, person.refreshToken));
  expect(await whatWorks(wire, retried)).toEqual(alive);
});

test('R-19 no rotation carries a session past its 30 days', async () => {
  await using other = await startTarget();
  let current = await register(other.api);
  for (const _ of range(29)) {
    other.t.clock.advance(86_400);
    current = signedInOf(await refresh(other.api, current.refreshToken));
  }
  other.t.clock.advance(86_400);
  expect(await outcomeOfRefresh(current, other.api)).toBe(refusals.tokenExpired);
  expect((await other.api.query('user.me', { token: current.accessToken })).status).toBe(401);
});

test('R-20 a session ends after 14 days without a refresh', async () => {
  await using other = await startTarget();
  const [kept, left] = [await register(other.api), await register(other.api)];
  other.t.clock.advance(14 * 86_400 - 1);
  expect(await outcomeOfRefresh(kept, other.api)).toBe('answered');
  other.t.clock.advance(1);
  expect(await outcomeOfRefresh(left, other.api)).toBe(refusals.tokenExpired);
});

test('R-21 neither a refresh token nor a digest of one is in the database or its log', async () => {
  await using folder = await createFolder();
  const path = join(folder.path, 'a.db');
  await using other = await startTarget({ database: `file:${path}` });
  const tokens: SignedIn[] = [await register(other.api)];
  for (const _ of range(20)) {
    tokens.push(signedInOf(await refresh(other.api, tokens.at(-1)!.refreshToken)));
  }
  const stored = (await readStored(path)).toString('latin1');
  // What is looked for can be found at all, in the log of a file too.
  expect(stored).toContain(tokens[0]?.user.email);
  for (const text of tokens.flatMap((each) => [each.refreshToken, each.accessToken])) {
    const bytes = Buffer.from(text, 'base64url');
    const forms = [
      text,
      bytes.toString('latin1'),
      bytes.toString('hex'),
      bytes.toString('base64'),
      // The tag alone.
      bytes.subarray(-32).toString('latin1'),
      ...['sha1', 'sha256', 'sha512', 'md5'].flatMap((hash) =>
        [text, bytes].flatMap((input) => {
          const digest = createHash(hash).update(input).digest();
          return [digest.toString('latin1'), digest.toString('hex'), digest.toString('base64')];
        }),
      ),
    ];
    for (const form of forms) expect(stored.includes(form)).toBe(false);
  }
});

test('R-22 three thousand made-up tokens are refused, leave a few events that count them, and are limited in the end', async () => {
  // The limiter keeps time by the process's own clock, and a minute is soon over on a slow machine.
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  await using folder = await createFolder();
  const path = join(folder.path, 'a.db');
  await using other = await startTarget({ database: `file:${path}`, rateLimits: true });
  const count = () => runSql(path, 'SELECT count(*) AS n FROM sessions');
  const before = await count();
  const live = Buffer.from(other.victim.refreshToken, 'base64url');
  const madeUp = range(3_000).map((index) => {
    const bytes = Buffer.from(live);
    const digest = createHash('sha256').update(`${index}`).digest();
    // Every second one names a session that there is.
    digest.copy(bytes, index % 2 === 0 ? 22 : 1);
    return bytes.toString('base64url');
  });
  const answers = await inGroups(madeUp, 50, (refreshToken) => refresh(other.api, refreshToken));
  const outcomes = tally(answers.map(outcomeOf));
  expect(outcomes).toEqual({
    [refusals.tokenInvalid]: 600,
    '429 TOO_MANY_REQUESTS rate_limited': 2_400,
  });
  expect(await count()).toEqual(before);
  await other.t.composition.refusals.close();
  const { store } = other.t.composition.accounts;
  for (const [type, refused] of [
    ['token.refused', 600],
    ['limit.reached', 2_400],
  ] as const) {
    const events = await store.listAuditEvents({ type, limit: 100 });
    // Each process counts its own.
    expect(events.length).toBeLessThanOrEqual(4 * mode.instances);
    const counted = events.map(({ detail }) => Number(detail['leftOut'] ?? 1));
    expect(counted.reduce((sum, each) => sum + each, 0)).toBe(refused);
  }
  expect((await me(other.api, other.victim.accessToken)).status).toBe('active');
});

test('R-24 no refresh token is taken from an address or by GET, and none is logged', async () => {
  const lines: string[] = [];
  const write = (...line: unknown[]) => void lines.push(JSON.stringify(line));
  await using other = await startTarget({ logger: { info: write, warn: write, error: write } });
  const { refreshToken } = await register(other.api);
  const input = encodeURIComponent(JSON.stringify({ refreshToken }));
  const got = await other.api.send(`/trpc/auth.refresh?input=${input}`);
  expect(got.status).toBe(405);
  const inQuery = await other.api.mutate(`auth.refresh?refreshToken=${refreshToken}`, {
    input: {},
  });
  expect(outcomeOf(inQuery)).toBe(refusals.tokenMissing);
  const asInput = await other.api.mutate(`auth.refresh?input=${input}`, { input: {} });
  expect(asInput.status).toBe(400);
  expect(lines.length).toBeGreaterThan(3);
  expect(lines.join('\n')).not.toContain(refreshToken);
  expect(outcomeOf(await refresh(other.api, refreshToken))).toBe('answered');
});

test('R-26 the cookie has every attribute, is cleared with the same ones, and its token is nowhere else', async () => {
  await using secure = await startTarget({ url: 'https://auth.attacks.example' });
  const headers = { 'x-latchkey-mode': 'cookie', origin: 'https://auth.attacks.example' };
  const { user } = await register(secure.api);
  const answer = await login(secure.api, { email: user.email, password: goodPassword }, headers);
  const [cookie = '', ...more] = answer.headers.getSetCookie();
  expect(more).toEqual([]);
  const [pair = '', ...attributes] = cookie.split('; ');
  const value = pair.replace('__Host-latchkey=', '');
  expect(value).toMatch(/^[\w-]{72}$/);
  expect(attributes.toSorted()).toEqual(
    ['HttpOnly', 'Max-Age=1209600', 'Path=/', 'SameSite=Strict', 'Secure'].toSorted(),
  );
  expect(Buffer.byteLength(cookie)).toBeLessThan(4_096);
  expect(answer.text).toContain('"refreshToken":null');
  expect(answer.text).not.toContain(value);
  const out = await secure.api.mutate('auth.logout', {
    headers: { ...headers, cookie: `__Host-latchkey=${value}` },
  });
  const [cleared = ''] = out.headers.getSetCookie();
  expect(cleared.split('; ').toSorted()).toEqual(
    ['__Host-latchkey=', 'HttpOnly', 'Max-Age=0', 'Path=/', 'SameSite=Strict', 'Secure'].toSorted(),
  );
});

test('R-27 who was disabled and is enabled again has to sign in again', async () => {
  const person = await register(api);
  const { id: userId } = person.user;
  valueOf(await asAdmin('disableUser', { userId }));
  valueOf(await asAdmin('enableUser', { userId }));
  expect(await whatWorks(api, person)).toEqual(dead);
  expect(await whatWorks(api, await signIn(person))).toEqual(alive);
});

test('R-29 the list has the own sessions alone, and these members alone', async () => {
  const person = await register(api);
  await signIn(person);
  const sessions = sessionsOf(await api.query('session.list', { token: person.accessToken }));
  expect(sessions).toHaveLength(2);
  expect(sessions.filter(({ current }) => current).map(({ id }) => id)).toEqual([
    sessionIdOf(person),
  ]);
  for (const session of sessions) {
    expect(Object.keys(session).toSorted()).toEqual(
      ['createdAt', 'current', 'expiresAt', 'id', 'ip', 'lastSeenAt', 'userAgent'].toSorted(),
    );
  }
});

test('R-30 the 101st sign-in ends the oldest session, also when many come at once', async () => {
  await using other = await startTarget();
  const { email } = other.victim.user;
  const first = signedInOf(await login(other.api, { email, password: goodPassword }));
  for (const _ of range(97)) await other.t.signInAs({ email });
  expect(await me(other.api, first.accessToken)).toMatchObject({ email });
  await inGroups(range(60), 12, () => login(other.api, { email, password: goodPassword }));
  const last = signedInOf(await login(other.api, { email, password: goodPassword }));
  const sessions = sessionsOf(await other.api.query('session.list', { token: last.accessToken }));
  expect(sessions).toHaveLength(100);
  expect(await whatWorks(other.api, first)).toEqual(dead);
});

test('R-31 a clock that jumps makes no reuse, no wider grace and no immortal token', async () => {
  await using other = await startTarget();
  const { clock } = other.t;
  const person = await register(other.api);
  clock.advance(-3_600);
  const back = signedInOf(await refresh(other.api, person.refreshToken));
  expect(await outcomeOfRefresh(person, other.api)).toBe('answered');
  clock.advance(3_600);
  expect(await outcomeOfRefresh(back, other.api)).toBe('answered');
  const again = signedInOf(await refresh(other.api, back.refreshToken));
  clock.advance(86_400);
  expect((await other.api.query('user.me', { token: again.accessToken })).status).toBe(401);
  const next = signedInOf(await refresh(other.api, again.refreshToken));
  clock.advance(-86_400);
  // A grace that began in the future is none that stays open until then.
  expect(await outcomeOfRefresh(next, other.api)).toBe('answered');
  clock.advance(86_400 + 11);
  expect(await outcomeOfRefresh(person, other.api)).toBe(refusals.refreshReused);
});

test('R-32 of two processes with clocks 30 s apart, none takes a refresh for a reuse', async () => {
  await using folder = await createFolder();
  const database = `file:${join(folder.path, 'a.db')}`;
  const kits = [await createTestLatchkey({ database }), await createTestLatchkey({ database })];
  const [one, two] = kits as [Target['t'], Target['t']];
  one.clock.advance(-30);
  two.clock.advance(30);
  const [a, b] = await Promise.all(
    [one, two].map(async (kit) => createApi((await kit.serve()).url)),
  );
  let current = await register(b!);
  for (const index of range(10)) {
    current = signedInOf(await refresh(index % 2 === 0 ? a! : b!, current.refreshToken));
  }
  // A token from half a minute ahead is not taken for one from now.
  expect(await whatWorks(b!, signedInOf(await refresh(b!, current.refreshToken)))).toEqual(alive);
  for (const kit of kits) await kit.close();
});

test('R-33 an access token is refused at the next call after its session was revoked', async () => {
  const person = await register(api);
  const other = await signIn(person);
  expect((await me(api, person.accessToken)).id).toBe(person.user.id);
  valueOf(await api.mutate('session.revokeOthers', { token: other.accessToken }));
  for (const path of ['user.me', 'session.list', 'admin.listUsers']) {
    const answer = await api.query(path, { token: person.accessToken });
    expect(outcomeOf(answer)).toBe(refusals.sessionRevoked);
  }
});

test('R-34 a session goes on with another user agent or a very long one, which is cut', async () => {
  await using other = await startTarget({ trustedProxies: ['127.0.0.1'] });
  let current = await register(other.api);
  for (const [userAgent, ip] of [
    ['one', '192.0.2.1'],
    ['x'.repeat(8_000), '2001:db8::7'],
    ['', 'garbage'],
  ] as const) {
    const answer = await other.api.mutate('auth.refresh', {
      input: { refreshToken: current.refreshToken },
      headers: { 'user-agent': userAgent, 'x-forwarded-for': ip },
    });
    current = signedInOf(answer);
    const token = current.accessToken;
    const [session] = sessionsOf(await other.api.query('session.list', { token }));
    expect(session?.userAgent).toBe(userAgent.slice(0, 256));
    expect(session?.ip).toBe(ip === 'garbage' ? null : ip);
  }
});
