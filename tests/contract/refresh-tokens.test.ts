import { randomBytes } from 'node:crypto';
import { afterAll, describe, expect, test } from 'vitest';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';
import {
  auditPageOf,
  createApi,
  login,
  refresh,
  refusalOf,
  refusals,
  register,
  sessionsOf,
  signedInOf,
  valueOf,
  whatWorks,
  type Answer,
  type SignedIn,
} from './api.ts';

const graceSeconds = 10;

const t = await createTestLatchkey();
const api = createApi((await t.serve()).url);
const { accessToken: adminToken } = await t.signInAs({ role: 'admin' });
afterAll(() => t.close());

async function next({ refreshToken }: SignedIn): Promise<SignedIn> {
  return signedInOf(await refresh(api, refreshToken));
}

async function reusesOf({ user }: SignedIn): Promise<readonly unknown[]> {
  const input = { userId: user.id, type: 'session.refresh_reused' };
  const answer = await api.query('admin.listAuditEvents', { token: adminToken, input });
  return auditPageOf(answer).events;
}

function successorsOf(answers: readonly Answer[]): ReadonlySet<string> {
  return new Set(answers.map((answer) => signedInOf(answer).refreshToken));
}

test('R-01: rotates fifty times in one session, each time to another token', async () => {
  const first = await register(api);
  const seen = new Set([first.refreshToken]);
  let latest = first;
  for (let count = 0; count < 50; count += 1) {
    t.clock.advance(1);
    latest = await next(latest);
    seen.add(latest.refreshToken);
  }
  expect(seen.size).toBe(51);
  const sessions = sessionsOf(await api.query('session.list', { token: latest.accessToken }));
  expect(sessions).toHaveLength(1);
  expect(await reusesOf(first)).toEqual([]);
});

describe('inside the grace', () => {
  test('R-06: a lost reply can be asked again, and gets the same successor', async () => {
    const first = await register(api);
    const lost = await next(first);
    t.clock.advance(graceSeconds - 0.001);
    const again = await next(first);
    expect(again.refreshToken).toBe(lost.refreshToken);
    expect(await whatWorks(api, again)).toEqual({ me: true, refresh: true });
    expect(await reusesOf(first)).toEqual([]);
  });

  test('R-06: a retry does not hold the grace open', async () => {
    const first = await register(api);
    await next(first);
    t.clock.advance(graceSeconds - 1);
    await next(first);
    t.clock.advance(2);
    expect(refusalOf(await refresh(api, first.refreshToken))).toBe(refusals.refreshReused);
  });

  test.each([2, 4, 8, 16, 32])('R-03: %i at once get one successor, which works', async (n) => {
    let latest = await register(api);
    for (let round = 0; round < 5; round += 1) {
      const answers = await Promise.all(
        Array.from({ length: n }, () => refresh(api, latest.refreshToken)),
      );
      expect(successorsOf(answers).size).toBe(1);
      const [winner] = answers;
      if (!winner) throw new Error('Somebody has to win.');
      latest = signedInOf(winner);
      t.clock.advance(1);
    }
    expect(await whatWorks(api, latest)).toEqual({ me: true, refresh: true });
    expect(await reusesOf(latest)).toEqual([]);
  });

  test('R-09: whoever comes second, there is one lineage', async () => {
    const first = await register(api);
    const thief = await next(first);
    const victim = await next(first);
    expect(victim.refreshToken).toBe(thief.refreshToken);
    const thiefAgain = await next(thief);
    // The grandparent is no retry any more.
    expect(refusalOf(await refresh(api, first.refreshToken))).toBe(refusals.refreshReused);
    expect(await whatWorks(api, thiefAgain)).toEqual({ me: false, refresh: false });
  });
});

describe('outside the grace', () => {
  test('R-02: a spent token revokes its session, newest token too, and is audited', async () => {
    const first = await register(api);
    const elsewhere = await login(api, first.user.email);
    const second = await next(first);
    t.clock.advance(graceSeconds);
    const answer = await api.mutate('auth.refresh', {
      input: { refreshToken: first.refreshToken },
      headers: { 'user-agent': 'the thief' },
    });
    expect(refusalOf(answer)).toBe(refusals.refreshReused);
    expect(await whatWorks(api, second)).toEqual({ me: false, refresh: false });
    expect(refusalOf(await refresh(api, first.refreshToken))).toBe(refusals.sessionRevoked);
    expect(await whatWorks(api, elsewhere)).toEqual({ me: true, refresh: true });
    expect(await reusesOf(first)).toMatchObject([
      { actorId: null, userId: first.user.id, ip: '127.0.0.1', userAgent: 'the thief' },
    ]);
  });

  test('R-02: any token spent long ago does it', async () => {
    const first = await register(api);
    let latest = await next(first);
    for (let count = 0; count < 5; count += 1) latest = await next(latest);
    expect(refusalOf(await refresh(api, first.refreshToken))).toBe(refusals.refreshReused);
    expect(await whatWorks(api, latest)).toEqual({ me: false, refresh: false });
  });

  test('R-10: reuse in one session leaves the others of the user alone', async () => {
    const phone = await register(api);
    const laptop = await login(api, phone.user.email);
    await next(phone);
    t.clock.advance(graceSeconds + 1);
    await refresh(api, phone.refreshToken);
    expect(await whatWorks(api, laptop)).toEqual({ me: true, refresh: true });
  });

  test('R-16: reuse beside a refresh of the newest token leaves nothing that refreshes', async () => {
    for (let round = 0; round < 10; round += 1) {
      const first = await register(api);
      const second = await next(first);
      t.clock.advance(graceSeconds + 1);
      const [reuse, newest] = await Promise.all([
        refresh(api, first.refreshToken),
        refresh(api, second.refreshToken),
      ]);
      expect(reuse.status).toBe(401);
      expect(await whatWorks(api, second)).toEqual({ me: false, refresh: false });
      if (newest.status !== 200) continue;
      expect(await whatWorks(api, signedInOf(newest))).toEqual({ me: false, refresh: false });
    }
  });
});

describe('a token that this server did not make', () => {
  test('changes nothing: not by any changed character, nor by any other counter', async () => {
    const first = await register(api);
    const second = await next(first);
    const token = second.refreshToken;
    const bytes = Buffer.from(token, 'base64url');
    const counters = [0, 1, 2, 3, 255].map((counter) => {
      const forged = Buffer.from(bytes);
      forged[21] = counter;
      return forged.toString('base64url');
    });
    const mutants = [...token].map(
      (character, at) => token.slice(0, at) + (character === 'A' ? 'B' : 'A') + token.slice(at + 1),
    );
    const spellings = [`${token}=`, `${token}A`, ` ${token}`, `${token}\n`, token.slice(0, -1)];
    for (const forged of [...counters, ...mutants, ...spellings]) {
      if (forged === token) continue;
      expect(refusalOf(await refresh(api, forged))).toBe(refusals.tokenInvalid);
      expect(valueOf(await api.mutate('auth.logout', { input: { refreshToken: forged } }))).toEqual(
        { revoked: false },
      );
    }
    expect(await whatWorks(api, second)).toEqual({ me: true, refresh: true });
    expect(await reusesOf(first)).toEqual([]);
  });

  test('changes nothing with the tag of another session', async () => {
    const [one, other] = [await register(api), await register(api)];
    const [a, b] = [one, other].map(({ refreshToken }) => Buffer.from(refreshToken, 'base64url'));
    if (!a || !b) throw new Error('There are two.');
    const mixed = Buffer.concat([a.subarray(0, 22), b.subarray(22)]).toString('base64url');
    expect(refusalOf(await refresh(api, mixed))).toBe(refusals.tokenInvalid);
    expect(await whatWorks(api, one)).toEqual({ me: true, refresh: true });
    expect(await whatWorks(api, other)).toEqual({ me: true, refresh: true });
  });

  test('R-22: random tokens are refused, and leave no trace', async () => {
    const audit = async () =>
      (await api.query('admin.listAuditEvents', { token: adminToken, input: { limit: 1 } })).text;
    const before = await audit();
    const tokens = Array.from({ length: 200 }, () => randomBytes(54).toString('base64url'));
    const answers = await Promise.all(tokens.map((token) => refresh(api, token)));
    expect(new Set(answers.map(refusalOf))).toEqual(new Set([refusals.tokenInvalid]));
    expect(await audit()).toBe(before);
  });
});

test('R-31: a clock that jumps back and forth costs nobody a session, and widens no grace', async () => {
  const first = await register(api);
  t.clock.advance(-3_600);
  const second = await next(first);
  t.clock.advance(3_600);
  expect(refusalOf(await refresh(api, first.refreshToken))).toBe(refusals.refreshReused);
  expect((await whatWorks(api, second)).refresh).toBe(false);

  const third = await register(api);
  t.clock.advance(86_400);
  const fourth = await next(third);
  t.clock.advance(-86_400);
  const fifth = await next(fourth);
  expect((await refresh(api, fifth.refreshToken)).status).toBe(200);

  const sixth = await register(api);
  await next(sixth);
  t.clock.advance(-graceSeconds - 1);
  expect(refusalOf(await refresh(api, sixth.refreshToken))).toBe(refusals.refreshReused);
});

test('a grace of nothing is none', async () => {
  await using strict = await createTestLatchkey({ refreshGraceSeconds: 0 });
  const wire = createApi((await strict.serve()).url);
  const first = await register(wire);
  signedInOf(await refresh(wire, first.refreshToken));
  strict.clock.advance(0.001);
  expect(refusalOf(await refresh(wire, first.refreshToken))).toBe(refusals.refreshReused);
});
