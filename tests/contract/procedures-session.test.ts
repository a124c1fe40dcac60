import { decodeJwt } from 'jose';
import { afterAll, describe, expect, test } from 'vitest';
import type { Session } from '../../shared/schemas.ts';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';
import {
  createApi,
  goodPassword,
  login,
  refresh,
  refusalOf,
  refusals,
  register,
  sessionsOf,
  signedInOf,
  userOf,
  valueOf,
  whatWorks,
  type SignedIn,
} from './api.ts';

const daySeconds = 86_400;

const t = await createTestLatchkey({ maxSessionsPerUser: 4 });
const api = createApi((await t.serve()).url);
afterAll(() => t.close());

async function list(token: string): Promise<Session[]> {
  return sessionsOf(await api.query('session.list', { token }));
}

function idOf({ accessToken }: SignedIn): string {
  return String(decodeJwt(accessToken)['sid']);
}

function revoke(token: string, sessionId: unknown) {
  return api.mutate('session.revoke', { token, input: { sessionId } });
}

describe('session.list', () => {
  test('R-29: answers the own sessions, newest first, and nothing secret', async () => {
    const phone = await register(api);
    await register(api);
    t.clock.advance(5);
    const laptop = await login(api, phone.user.email);
    const at = (agoSeconds: number) => new Date(t.clock.now() - agoSeconds * 1_000).toISOString();
    const common = { ip: '127.0.0.1', userAgent: 'node' };
    expect(await list(laptop.accessToken)).toEqual([
      {
        ...common,
        id: idOf(laptop),
        createdAt: at(0),
        lastSeenAt: at(0),
        expiresAt: at(-30 * daySeconds),
        current: true,
      },
      {
        ...common,
        id: idOf(phone),
        createdAt: at(5),
        lastSeenAt: at(5),
        expiresAt: at(5 - 30 * daySeconds),
        current: false,
      },
    ]);
  });

  test('R-01: a refresh moves lastSeenAt and nothing else', async () => {
    const signedIn = await register(api);
    const [before] = await list(signedIn.accessToken);
    t.clock.advance(60);
    await refresh(api, signedIn.refreshToken);
    expect(await list(signedIn.accessToken)).toEqual([
      { ...before, lastSeenAt: new Date(t.clock.now()).toISOString() },
    ]);
  });

  test('R-34: goes on with another user agent, keeps the last one, and cuts a long one', async () => {
    const { accessToken: token, refreshToken } = await register(api);
    const answer = await api.mutate('auth.refresh', {
      input: { refreshToken },
      headers: { 'user-agent': 'x'.repeat(8_000) },
    });
    expect(answer.status).toBe(200);
    const [session] = await list(token);
    expect(session?.userAgent).toBe('x'.repeat(256));
  });

  test('believes no forwarded address where no proxy is trusted', async () => {
    const { accessToken: token } = await register(api);
    const headers = {
      'x-forwarded-for': '203.0.113.7',
      forwarded: 'for=203.0.113.7',
      'x-real-ip': '203.0.113.7',
    };
    const { email } = userOf(await api.query('user.me', { token }));
    await api.mutate('auth.login', { input: { email, password: goodPassword }, headers });
    expect((await list(token)).map(({ ip }) => ip)).toEqual(['127.0.0.1', '127.0.0.1']);
  });

  test('R-30: one more session than the cap ends the oldest', async () => {
    const first = await register(api);
    const others: SignedIn[] = [];
    for (let count = 0; count < 4; count += 1) others.push(await login(api, first.user.email));
    expect(await whatWorks(api, first)).toEqual({ me: false, refresh: false });
    const newestFirst = others.toReversed().map(idOf);
    expect((await list(others[0]!.accessToken)).map(({ id }) => id)).toEqual(newestFirst);
  });
});

describe('session.revoke', () => {
  test('R-12: ends the session that is named, and says so once', async () => {
    const phone = await register(api);
    const laptop = await login(api, phone.user.email);
    const answer = await revoke(laptop.accessToken, idOf(phone).toUpperCase());
    expect(valueOf(answer)).toEqual({ revoked: true });
    expect(valueOf(await revoke(laptop.accessToken, idOf(phone)))).toEqual({ revoked: false });
    expect(await whatWorks(api, phone)).toEqual({ me: false, refresh: false });
    expect(await whatWorks(api, laptop)).toEqual({ me: true, refresh: true });
  });

  test('R-12: may end the session that asks', async () => {
    const signedIn = await register(api);
    const answer = await revoke(signedIn.accessToken, idOf(signedIn));
    expect(valueOf(answer)).toEqual({ revoked: true });
    expect(await whatWorks(api, signedIn)).toEqual({ me: false, refresh: false });
  });

  test('Z-10: answers the same for another user’s session as for an unknown one', async () => {
    const [own, other] = [await register(api), await register(api)];
    const foreign = await revoke(own.accessToken, idOf(other));
    const unknown = await revoke(own.accessToken, '01900000-0000-7000-8000-000000000000');
    expect(valueOf(foreign)).toEqual({ revoked: false });
    expect(foreign.text).toBe(unknown.text);
    expect(await whatWorks(api, other)).toEqual({ me: true, refresh: true });
  });

  test.each([
    [1],
    ['1'],
    ['%'],
    ["' OR 1=1 --"],
    [['01900000-0000-7000-8000-000000000000']],
    [{ $ne: null }],
    ['x'.repeat(10_000)],
    [null],
  ])('Z-11: refuses the id %j', async (sessionId) => {
    const signedIn = await register(api);
    expect(refusalOf(await revoke(signedIn.accessToken, sessionId))).toBe(refusals.invalidInput);
    expect(await whatWorks(api, signedIn)).toEqual({ me: true, refresh: true });
  });
});

describe('session.revokeOthers and session.revokeAll', () => {
  test('R-12: revokeOthers ends every session but the one that asks', async () => {
    const first = await register(api);
    const second = await login(api, first.user.email);
    const third = await login(api, first.user.email);
    const bystander = await register(api);
    const revokeOthers = async () =>
      valueOf(await api.mutate('session.revokeOthers', { token: second.accessToken }));
    expect(await revokeOthers()).toEqual({ revoked: 2 });
    expect(await revokeOthers()).toEqual({ revoked: 0 });
    expect(await whatWorks(api, first)).toEqual({ me: false, refresh: false });
    expect(await whatWorks(api, third)).toEqual({ me: false, refresh: false });
    expect(await whatWorks(api, second)).toEqual({ me: true, refresh: true });
    expect(await whatWorks(api, bystander)).toEqual({ me: true, refresh: true });
  });

  test('R-12: revokeAll ends the session that asks, too', async () => {
    const first = await register(api);
    const second = await login(api, first.user.email);
    const bystander = await register(api);
    const answer = await api.mutate('session.revokeAll', { token: second.accessToken });
    expect(valueOf(answer)).toEqual({ revoked: 2 });
    expect(await whatWorks(api, first)).toEqual({ me: false, refresh: false });
    expect(await whatWorks(api, second)).toEqual({ me: false, refresh: false });
    expect(await whatWorks(api, bystander)).toEqual({ me: true, refresh: true });
  });

  test('take no input: whoever names a session or a user is refused, and nothing ends', async () => {
    const [one, other] = [await register(api), await register(api)];
    for (const path of ['session.revokeOthers', 'session.revokeAll']) {
      const input = { userId: other.user.id, sessionId: idOf(other) };
      const answer = await api.mutate(path, { token: one.accessToken, input });
      expect(refusalOf(answer)).toBe(refusals.invalidInput);
    }
    for (const person of [one, other]) {
      expect(await whatWorks(api, person)).toEqual({ me: true, refresh: true });
    }
  });

  test('R-15: of revokeAll and refreshes at once, nothing survives', async () => {
    for (let round = 0; round < 10; round += 1) {
      const first = await register(api);
      const second = await login(api, first.user.email);
      const [revoked, ...refreshed] = await Promise.all([
        api.mutate('session.revokeAll', { token: second.accessToken }),
        ...Array.from({ length: 4 }, () => refresh(api, first.refreshToken)),
      ]);
      expect(revoked.status).toBe(200);
      for (const answer of refreshed.filter(({ status }) => status === 200)) {
        const works = await whatWorks(api, signedInOf(answer));
        expect(works).toEqual({ me: false, refresh: false });
      }
      expect(await whatWorks(api, first)).toEqual({ me: false, refresh: false });
    }
  });
});

describe('lifetimes', () => {
  test('R-19: a session ends after its lifetime, however often it is refreshed', async () => {
    let latest = await register(api);
    for (let day = 0; day < 27; day += 9) {
      t.clock.advance(9 * daySeconds);
      latest = signedInOf(await refresh(api, latest.refreshToken));
    }
    t.clock.advance(3 * daySeconds - 1);
    latest = signedInOf(await refresh(api, latest.refreshToken));
    expect(latest.expiresIn).toBe(1);
    t.clock.advance(1);
    expect(refusalOf(await refresh(api, latest.refreshToken))).toBe(refusals.tokenExpired);
    expect(refusalOf(await api.query('user.me', { token: latest.accessToken }))).toBe(
      refusals.tokenExpired,
    );
  });

  test('R-20: a session ends after its idle lifetime without a refresh', async () => {
    const [early, late] = [await register(api), await register(api)];
    t.clock.advance(14 * daySeconds - 1);
    expect((await refresh(api, early.refreshToken)).status).toBe(200);
    t.clock.advance(1);
    expect(refusalOf(await refresh(api, late.refreshToken))).toBe(refusals.tokenExpired);
    expect(await list((await login(api, late.user.email)).accessToken)).toHaveLength(1);
  });
});
