import { afterAll, describe, expect, test } from 'vitest';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';
import {
  createApi,
  goodPassword,
  me,
  refusalOf,
  refusals,
  register,
  userOf,
  valueOf,
  whatWorks,
  type Answer,
} from './api.ts';
import { like } from './like.ts';
import { exchange, requestText } from './raw-socket.ts';

const onHttp = await createTestLatchkey();
const onHttps = await createTestLatchkey({
  url: 'https://auth.example.com',
  allowedOrigins: ['https://app.example.com'],
});
afterAll(async () => {
  await onHttp.close();
  await onHttps.close();
});

const sides = [
  {
    name: 'over http',
    api: createApi((await onHttp.serve()).url),
    origin: 'http://localhost:4000',
    cookieName: 'latchkey',
    attributes: ['HttpOnly', 'Path=/', 'SameSite=Strict'],
  },
  {
    name: 'behind https',
    api: createApi((await onHttps.serve()).url),
    origin: 'https://app.example.com',
    cookieName: '__Host-latchkey',
    attributes: ['HttpOnly', 'Path=/', 'SameSite=Strict', 'Secure'],
  },
];

interface SetCookie {
  readonly name: string;
  readonly value: string;
  readonly maxAge: number;
  /** The other attributes, sorted. */
  readonly attributes: readonly string[];
}

function cookieOf({ headers }: Answer): SetCookie {
  const cookies = headers.getSetCookie();
  const [first = '', ...parts] = cookies[0]?.split('; ') ?? [];
  if (cookies.length !== 1) throw new Error(`There are ${cookies.length} cookies.`);
  const [name = '', value = ''] = first.split('=');
  const maxAge = parts.find((part) => part.startsWith('Max-Age='));
  return {
    name,
    value,
    maxAge: Number(maxAge?.slice('Max-Age='.length)),
    attributes: parts.filter((part) => part !== maxAge).toSorted(),
  };
}

describe.each(sides)('$name', ({ api, origin, cookieName, attributes }) => {
  const mode = { 'x-latchkey-mode': 'cookie', origin };
  let made = 0;

  /** Registers in cookie mode: the answer, and what a browser would send from then on. */
  async function signUp() {
    made += 1;
    const email = `cookie-${made}@mode.example`;
    const answer = await api.mutate('auth.register', {
      input: { email, password: goodPassword },
      headers: mode,
    });
    const { accessToken } = valueOf(answer) as { accessToken: string };
    return { answer, email, accessToken, cookie: `${cookieName}=${cookieOf(answer).value}` };
  }

  function refreshBy(cookie: string, headers: Readonly<Record<string, string>> = mode) {
    return api.mutate('auth.refresh', { input: {}, headers: { ...headers, cookie } });
  }

  test('R-26: the refresh token travels in the cookie alone', async () => {
    const { answer, email } = await signUp();
    const signedIn = await api.mutate('auth.login', {
      input: { email, password: goodPassword },
      headers: mode,
    });
    const refreshed = await refreshBy(`${cookieName}=${cookieOf(signedIn).value}`);
    for (const each of [answer, signedIn, refreshed]) {
      const cookie = cookieOf(each);
      expect(cookie).toMatchObject({ name: cookieName, value: like.refreshToken, attributes });
      // 14 idle days, as nearly as whole seconds say it.
      expect(Math.abs(cookie.maxAge - 14 * 86_400)).toBeLessThanOrEqual(1);
      expect(valueOf(each)).toEqual({
        accessToken: like.accessToken,
        tokenType: 'Bearer',
        expiresIn: 900,
        refreshToken: null,
        user: expect.objectContaining({ email }) as unknown,
      });
      expect(each.text).not.toContain(cookie.value);
      expect(each.headers.get('access-control-allow-origin')).toBe(origin);
      expect(each.headers.get('access-control-allow-credentials')).toBe('true');
    }
  });

  test('without the mode there is no cookie', async () => {
    const answer = await api.mutate('auth.register', {
      input: { email: 'no-cookie@mode.example', password: goodPassword },
      headers: { origin },
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.getSetCookie()).toEqual([]);
  });

  test('R-26: a script that leaves the mode out gets no refresh token for the cookie', async () => {
    const { cookie } = await signUp();
    const answer = await refreshBy(cookie, { origin });
    expect(refusalOf(answer)).toBe(refusals.tokenMissing);
    expect(answer.headers.getSetCookie()).toEqual([]);
    expect((await refreshBy(cookie)).status).toBe(200);
  });

  test('the cookie refreshes, and its successor does', async () => {
    const { cookie, email } = await signUp();
    const first = await refreshBy(cookie);
    const second = await refreshBy(`${cookieName}=${cookieOf(first).value}`);
    const { accessToken } = valueOf(second) as { accessToken: string };
    expect((await me(api, accessToken)).email).toBe(email);
    expect(cookieOf(second).value).not.toBe(cookieOf(first).value);
  });

  test('the cookie is looked for under its own name, once', async () => {
    const { cookie } = await signUp();
    const value = cookie.slice(cookie.indexOf('=') + 1);
    const other = cookieName === 'latchkey' ? '__Host-latchkey' : 'latchkey';
    for (const elsewhere of [`${other}=${value}`, `x${cookie}`, `refreshToken=${value}`, '']) {
      expect(refusalOf(await refreshBy(elsewhere))).toBe(refusals.tokenMissing);
    }
    const among = `theme=dark; ${cookie}; __proto__=x`;
    expect((await refreshBy(among)).status).toBe(200);
  });

  test('J-10: the cookie is no access token', async () => {
    const { cookie } = await signUp();
    for (const headers of [{ cookie }, { ...mode, cookie }]) {
      expect(refusalOf(await api.query('user.me', { headers }))).toBe(refusals.tokenMissing);
    }
    for (const path of ['session.revokeAll', 'user.update', 'admin.rotateKeys']) {
      const answer = await api.mutate(path, { headers: { ...mode, cookie } });
      expect(refusalOf(answer)).toBe(refusals.tokenMissing);
    }
  });

  test('logout ends the session of the cookie and takes it away', async () => {
    const { accessToken, cookie } = await signUp();
    const logout = () => api.mutate('auth.logout', { input: {}, headers: { ...mode, cookie } });
    const answer = await logout();
    expect(valueOf(answer)).toEqual({ revoked: true });
    expect(cookieOf(answer)).toEqual({ name: cookieName, value: '', maxAge: 0, attributes });
    expect(refusalOf(await api.query('user.me', { token: accessToken }))).toBe(
      refusals.sessionRevoked,
    );
    expect(refusalOf(await refreshBy(cookie))).toBe(refusals.sessionRevoked);
    const again = await logout();
    expect(valueOf(again)).toEqual({ revoked: false });
    expect(cookieOf(again).value).toBe('');
  });

  test('changePassword puts the new token into the cookie, delete takes the cookie away', async () => {
    const { accessToken, cookie } = await signUp();
    const headers = { ...mode, cookie };
    const newPassword = `${goodPassword} too`;
    const changed = await api.mutate('user.changePassword', {
      token: accessToken,
      input: { currentPassword: goodPassword, newPassword },
      headers,
    });
    expect(valueOf(changed)).toMatchObject({ refreshToken: null });
    expect((await refreshBy(`${cookieName}=${cookieOf(changed).value}`)).status).toBe(200);
    const deleted = await api.mutate('user.delete', {
      token: accessToken,
      input: { password: newPassword },
      headers,
    });
    expect(valueOf(deleted)).toEqual({ deleted: true });
    expect(cookieOf(deleted)).toEqual({ name: cookieName, value: '', maxAge: 0, attributes });
  });

  describe('H-13, H-14: from a page that is not allowed', () => {
    const origins: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
      ['no Origin', {}],
      ['null', { origin: 'null' }],
      ['another site', { origin: 'https://evil.example' }],
      ['a longer name', { origin: `${origin}.evil.example` }],
      ['a name that ends so', { origin: origin.replace('://', '://evil-') }],
      ['another port', { origin: `${origin.replace(/:\d+$/, '')}:444` }],
      [
        'another scheme',
        {
          origin: origin.startsWith('https')
            ? origin.replace('https', 'http')
            : origin.replace('http', 'https'),
        },
      ],
      ['a path', { origin: `${origin}/` }],
      ['other letters', { origin: origin.toUpperCase() }],
      ['user information', { origin: origin.replace('://', '://user@') }],
      ['a cross-site fetch', { origin, 'sec-fetch-site': 'cross-site' }],
      ['a Referer alone', { referer: `${origin}/page` }],
    ];

    test('the refusal says what decides, and keeps its reason', async () => {
      const answer = await api.mutate('auth.login', {
        input: { email: 'nobody@mode.example', password: goodPassword },
        headers: { ...mode, origin: 'http://localhost:3000' },
      });
      expect(JSON.parse(answer.text)).toMatchObject({
        error: { message: expect.stringMatching(/allowedOrigins.* \[forbidden\]$/) },
      });
    });

    test.each(origins)('%s: nothing changes', async (_name, from) => {
      const { accessToken, cookie, email } = await signUp();
      const sent = { 'x-latchkey-mode': 'cookie', ...from };
      const credentials = { email, password: goodPassword };
      const attempts = [
        await api.mutate('auth.login', { input: credentials, headers: sent }),
        await api.mutate('auth.register', {
          input: { ...credentials, email: `csrf-${email}` },
          headers: sent,
        }),
        await refreshBy(cookie, sent),
        await refreshBy(cookie, from),
        await api.mutate('auth.logout', { input: {}, headers: { ...from, cookie } }),
        await api.mutate('user.update', {
          token: accessToken,
          input: { name: 'Mallory' },
          headers: { ...from, cookie },
        }),
        await api.mutate('session.revokeAll', {
          token: accessToken,
          headers: { ...from, cookie },
        }),
      ];
      for (const answer of attempts) {
        expect(refusalOf(answer)).toBe(refusals.forbidden);
        expect(answer.headers.getSetCookie()).toEqual([]);
        if (!('sec-fetch-site' in from)) {
          expect(answer.headers.get('access-control-allow-origin')).toBe(null);
        }
      }
      expect((await me(api, accessToken)).name).toBe(null);
      expect((await refreshBy(cookie)).status).toBe(200);
      const input = { email: `csrf-${email}`, password: goodPassword };
      expect(refusalOf(await api.mutate('auth.login', { input }))).toBe(
        refusals.invalidCredentials,
      );
    });
  });

  test('a state-changing call beside the cookie, from an allowed page, is answered', async () => {
    const { accessToken: token, cookie } = await signUp();
    const headers = { origin, cookie };
    const answer = await api.mutate('user.update', { token, input: { name: 'Grace' }, headers });
    expect(userOf(answer).name).toBe('Grace');
    expect((await api.query('user.me', { token, headers: { cookie } })).status).toBe(200);
  });

  test('H-13: bearer mode minds no Origin, and answers no page that is not allowed', async () => {
    const person = await register(api);
    const headers = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
    const answers = [
      await api.mutate('auth.login', {
        input: { email: person.user.email, password: goodPassword },
        headers,
      }),
      await api.mutate('user.update', { token: person.accessToken, input: {}, headers }),
      await api.query('user.me', { token: person.accessToken, headers }),
    ];
    for (const answer of answers) {
      expect(answer.status).toBe(200);
      expect(answer.headers.get('access-control-allow-origin')).toBe(null);
      expect(answer.headers.get('access-control-allow-credentials')).toBe(null);
      expect(answer.headers.get('vary')).toMatch(/\bOrigin\b/);
    }
  });

  test("R-13: one person's cookie beside another one's bearer or token ends nobody's session", async () => {
    const one = await signUp();
    const other = await register(api);
    const headers = { ...mode, cookie: one.cookie };
    const input = { refreshToken: other.refreshToken };
    const attempts = [
      await api.mutate('auth.refresh', { input: {}, token: other.accessToken, headers }),
      await api.mutate('auth.refresh', { input, headers }),
      await api.mutate('auth.logout', { input: {}, token: other.accessToken, headers }),
      await api.mutate('auth.logout', { input, headers }),
    ];
    for (const answer of attempts) expect(refusalOf(answer)).toBe(refusals.tokenInvalid);
    expect((await me(api, one.accessToken)).email).toBe(one.email);
    expect((await refreshBy(one.cookie)).status).toBe(200);
    expect(await whatWorks(api, other)).toEqual({ me: true, refresh: true });
  });

  test('a sign-in adopts nothing of the cookie that came with it', async () => {
    const attacker = await signUp();
    const victim = await register(api);
    const answer = await api.mutate('auth.login', {
      input: { email: victim.user.email, password: goodPassword },
      headers: { ...mode, cookie: attacker.cookie },
    });
    expect(attacker.cookie).not.toContain(cookieOf(answer).value);
    const { accessToken } = valueOf(answer) as { accessToken: string };
    expect((await me(api, accessToken)).id).toBe(victim.user.id);
  });

  test.each(['auth.login', 'auth.register'])(
    '%s in cookie mode ends the session of the cookie, spent or not',
    async (path) => {
      for (const isSpent of [false, true]) {
        const before = await signUp();
        if (isSpent) await refreshBy(before.cookie);
        made += 1;
        const email = path === 'auth.login' ? before.email : `again-${made}@mode.example`;
        const answer = await api.mutate(path, {
          input: { email, password: goodPassword },
          headers: { ...mode, cookie: before.cookie },
        });
        const { accessToken } = valueOf(answer) as { accessToken: string };
        expect((await me(api, accessToken)).email).toBe(email);
        expect((await refreshBy(`${cookieName}=${cookieOf(answer).value}`)).status).toBe(200);
        expect(refusalOf(await api.query('user.me', { token: before.accessToken }))).toBe(
          refusals.sessionRevoked,
        );
        expect(refusalOf(await refreshBy(before.cookie))).toBe(refusals.sessionRevoked);
      }
    },
  );

  test('a sign-in that fails ends no session', async () => {
    const before = await signUp();
    const headers = { ...mode, cookie: before.cookie };
    const { email } = before;
    const answers = [
      await api.mutate('auth.login', {
        input: { email, password: 'a wrong guess of it' },
        headers,
      }),
      await api.mutate('auth.login', { input: { email }, headers }),
      await api.mutate('auth.register', { input: { email, password: goodPassword }, headers }),
    ];
    expect(answers.map(refusalOf)).toEqual([
      refusals.invalidCredentials,
      refusals.invalidInput,
      refusals.emailTaken,
    ]);
    for (const answer of answers) expect(answer.headers.getSetCookie()).toEqual([]);
    expect((await me(api, before.accessToken)).email).toBe(email);
    expect((await refreshBy(before.cookie)).status).toBe(200);
  });

  test('a cookie that is no token of ours does not keep anybody from signing in', async () => {
    const { accessToken, cookie, email } = await signUp();
    const last = cookie.endsWith('A') ? 'B' : 'A';
    for (const odd of [`${cookieName}=made-up`, `${cookie.slice(0, -1)}${last}`]) {
      const input = { email, password: goodPassword };
      const answer = await api.mutate('auth.login', { input, headers: { ...mode, cookie: odd } });
      expect(cookieOf(answer).value).toEqual(like.refreshToken);
    }
    expect((await me(api, accessToken)).email).toBe(email);
  });

  test('outside cookie mode a sign-in leaves the session of a cookie alone', async () => {
    const { accessToken, cookie, email } = await signUp();
    for (const [path, address] of [
      ['auth.login', email],
      ['auth.register', `beside-${email}`],
    ] as const) {
      const input = { email: address, password: goodPassword };
      const answer = await api.mutate(path, { input, headers: { origin, cookie } });
      expect(answer.status).toBe(200);
    }
    expect((await me(api, accessToken)).email).toBe(email);
    expect((await refreshBy(cookie)).status).toBe(200);
  });

  test('H-31: of two cookies of the name the first counts, two Cookie headers are refused', async () => {
    const [one, other] = [await signUp(), await signUp()];
    const { accessToken } = valueOf(await refreshBy(`${one.cookie}; ${other.cookie}`)) as {
      accessToken: string;
    };
    expect((await me(api, accessToken)).email).toBe(one.email);
    const twice = await exchange(
      api.url,
      requestText(
        'POST /trpc/auth.refresh',
        [
          'Content-Type: application/json',
          'x-latchkey-mode: cookie',
          `Origin: ${origin}`,
          `Cookie: ${other.cookie}`,
          `Cookie: ${one.cookie}`,
        ],
        '{}',
      ),
    );
    expect(twice.statuses).toEqual([400]);
    expect((await refreshBy(other.cookie)).status).toBe(200);
  });

  test('a batch keeps its cookie, a stream is refused', async () => {
    const { cookie } = await signUp();
    const send = (headers: Readonly<Record<string, string>>) =>
      api.send('/trpc/auth.refresh?batch=1', {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...mode, cookie, ...headers },
        body: '{"0":{}}',
      });
    const streamed = await send({ 'trpc-accept': 'application/jsonl' });
    expect(streamed.text).toContain('"reason":"invalid_input"');
    expect(streamed.headers.getSetCookie()).toEqual([]);
    const batched = await send({});
    expect(batched.status).toBe(200);
    expect(cookieOf(batched).value).toEqual(like.refreshToken);
  });

  test('a token in the input moves into the cookie in cookie mode', async () => {
    const person = await register(api);
    const answer = await api.mutate('auth.refresh', {
      input: { refreshToken: person.refreshToken },
      headers: mode,
    });
    expect(valueOf(answer)).toMatchObject({ refreshToken: null });
    expect((await refreshBy(`${cookieName}=${cookieOf(answer).value}`)).status).toBe(200);
  });
});

describe('H-15: preflights', () => {
  const { api, origin } = sides[1] ?? sides[0]!;

  function preflight(from: string): Promise<Answer> {
    return api.send('/trpc/auth.login', {
      method: 'OPTIONS',
      headers: {
        origin: from,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type,x-latchkey-mode',
      },
    });
  }

  test('name an allowed origin and what it may send', async () => {
    const { status, headers } = await preflight(origin);
    expect(status).toBe(204);
    expect(headers.get('access-control-allow-origin')).toBe(origin);
    expect(headers.get('access-control-allow-credentials')).toBe('true');
    expect(headers.get('access-control-allow-methods')).toBe('GET, POST');
    for (const name of ['authorization', 'content-type', 'x-latchkey-mode']) {
      expect(headers.get('access-control-allow-headers')).toContain(name);
    }
    expect(headers.get('vary')).toMatch(/\bOrigin\b/);
  });

  test.each([
    'https://evil.example',
    'null',
    '*',
    `${origin}.evil.example`,
    'https://evil-app.example.com',
    'http://app.example.com',
    `${origin}:444`,
    'https://auth.example.com',
  ])('name nothing to %s', async (from) => {
    const { headers } = await preflight(from);
    expect(headers.get('access-control-allow-origin')).toBe(null);
    expect(headers.get('access-control-allow-credentials')).toBe(null);
    expect(headers.get('vary')).toMatch(/\bOrigin\b/);
  });
});

test('behind https every answer says so', async () => {
  const [http, https] = sides;
  expect((await https?.api.query('user.me'))?.headers.get('strict-transport-security')).toMatch(
    /^max-age=\d{8}/,
  );
  expect((await http?.api.query('user.me'))?.headers.get('strict-transport-security')).toBe(null);
});
