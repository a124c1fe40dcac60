import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Validator } from '@seriousme/openapi-schema-validator';
import express from 'express';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { reasons } from '../../shared/reasons.ts';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';
import {
  auditPageOf,
  createApi,
  goodPassword,
  login,
  refresh,
  refusalOf,
  refusals,
  register,
  whatWorks,
  type Answer,
  type Api,
  type SignedIn,
} from './api.ts';
import { like } from './like.ts';
import { exchange, requestText } from './raw-socket.ts';

const issuer = 'https://auth.example.com';
const orders = { name: 'orders', secret: 'uS0Zr5_xgQm3vKp8WnE1aTyLdB6HcJf2oVXi9Rk4MqA' };
const ordersNext = { name: 'orders', secret: 'Qe7YhL2-pNwC9sVjXo4ZtKb1RmGf8Ud5iWa3TcE6yHs' };

const t = await createTestLatchkey({ url: issuer, services: [orders, ordersNext] });
const api = createApi((await t.serve()).url);
const admin = await t.signInAs({ role: 'admin' });
const ordinary = await t.signInAs();
afterAll(() => t.close());

type Parameters = Readonly<Record<string, string>>;

/** Posts a form as any client would. */
function post(
  path: string,
  parameters: Parameters | string,
  { on = api, headers = {} }: { on?: Api; headers?: Parameters } = {},
): Promise<Answer> {
  return on.send(path, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(parameters).toString(),
  });
}

/** Posts a body as it is. */
function postText(body: string, headers: Parameters = {}): Promise<Answer> {
  return api.send('/oauth/token', {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body,
  });
}

function signIn(username: string, password: string, on: Api = api): Promise<Answer> {
  return post('/oauth/token', { grant_type: 'password', username, password }, { on });
}

function exchangeToken(token: string, on: Api = api): Promise<Answer> {
  return post('/oauth/token', { grant_type: 'refresh_token', refresh_token: token }, { on });
}

function basic({ name, secret }: typeof orders): string {
  return `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`;
}

function introspect(token: string, authorization: string = basic(orders)): Promise<Answer> {
  return post('/oauth/introspect', { token }, { headers: { authorization } });
}

interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

function jsonOf({ text }: Answer): Record<string, unknown> {
  return JSON.parse(text) as Record<string, unknown>;
}

function tokensOf(answer: Answer): Tokens {
  expect(answer.status).toBe(200);
  return JSON.parse(answer.text) as Tokens;
}

/** A refusal in short, which has to be one that RFC 6749 §5.2 allows. */
function errorOf(answer: Answer): string {
  const { error, error_description: description, reason, ...rest } = jsonOf(answer);
  expect(rest).toEqual({});
  expect(description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+\.$/);
  expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(answer.headers.get('pragma')).toBe('no-cache');
  return `${answer.status} ${String(error)} ${String(reason)}`;
}

const wrongPassword = '400 invalid_grant invalid_credentials';
const malformed = '400 invalid_request invalid_input';

describe('POST /oauth/token with a password', () => {
  test('signs in by e-mail address or username, with tokens as good as those of auth.login', async () => {
    const { user } = await register(api, { username: 'form-user' });
    for (const name of [user.email, user.email.toUpperCase(), 'form-user', 'FORM-USER']) {
      const answer = await signIn(name, goodPassword);
      expect(jsonOf(answer)).toEqual({
        access_token: like.accessToken,
        token_type: 'Bearer',
        expires_in: 900,
        refresh_token: like.refreshToken,
      });
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(answer.headers.get('pragma')).toBe('no-cache');
      expect(answer.headers.get('set-cookie')).toBeNull();
      const { access_token: accessToken, refresh_token: refreshToken } = tokensOf(answer);
      const works = await whatWorks(api, { accessToken, refreshToken } as SignedIn);
      expect(works).toEqual({ me: true, refresh: true });
    }
  });

  test('takes the form that FastAPI and Swagger UI send, and what nobody knows', async () => {
    const { user } = await register(api);
    const parameters = { grant_type: 'password', username: user.email, password: goodPassword };
    const unused = { scope: '', client_id: 'page', client_secret: 'string', audience: 'x' };
    const headers = { authorization: 'Basic Og==', 'x-requested-with': 'XMLHttpRequest' };
    const answer = await post('/oauth/token', { ...parameters, ...unused }, { headers });
    expect(jsonOf(answer)).not.toHaveProperty('scope');
    expect(tokensOf(answer).access_token).toEqual(like.accessToken);
    // A scope that was asked for was not granted, which has to be said (RFC 6749 §3.3).
    const scoped = await post('/oauth/token', { ...parameters, scope: 'read write' });
    expect(jsonOf(scoped)).toMatchObject({ scope: '' });
  });

  test('takes a password byte by byte as it is', async () => {
    const password = ' 100 %, =&+ "ü" 🔑\\ ';
    await t.latchkey.createUser({ email: 'bytes@form.example', secret: { password } });
    tokensOf(await signIn('bytes@form.example', password));
    const plus = 'grant_type=password&username=bytes%40form.example&password=';
    const encoded = encodeURIComponent(password).replaceAll('%20', '+');
    tokensOf(await postText(plus + encoded));
    expect(errorOf(await signIn('bytes@form.example', password.trim()))).toBe(wrongPassword);
  });

  test('answers an unknown user, a wrong password and a disabled account byte for byte alike', async () => {
    const known = await register(api, { username: 'known-user' });
    const disabled = await register(api, { username: 'disabled-user' });
    const input = { userId: disabled.user.id };
    await api.mutate('admin.disableUser', { input, token: admin.accessToken });
    const answers = [
      await signIn(known.user.email, 'not the password of this one'),
      await signIn('known-user', 'not the password of this one'),
      await signIn('nobody@form.example', goodPassword),
      await signIn('nobody', goodPassword),
      await signIn('disabled-user', goodPassword),
    ];
    for (const answer of answers) expect(errorOf(answer)).toBe(wrongPassword);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    const names = answers.map(({ headers }) => [...headers.keys()].toSorted().join());
    expect(new Set(names).size).toBe(1);
    expect(jsonOf(answers[0]!)['error_description']).toBe(reasons.invalid_credentials.message);
  });

  test('records the same events as auth.login', async () => {
    const { user } = await register(api);
    await signIn(user.email, 'not the password of this one');
    await signIn(user.email, goodPassword);
    await login(api, user.email);
    const answer = await api.query('admin.listAuditEvents', {
      token: admin.accessToken,
      input: { userId: user.id },
    });
    const [byLogin, byForm, failed] = auditPageOf(answer).events;
    expect(byForm).toMatchObject({ type: 'sign_in.succeeded', actorId: user.id, ip: '127.0.0.1' });
    expect(Object.keys(byForm!)).toEqual(Object.keys(byLogin!));
    expect(failed).toMatchObject({ type: 'sign_in.failed', detail: { cause: 'wrong_password' } });
  });

  test('reads no cookie, and sets none', async () => {
    const { user, refreshToken, accessToken } = await register(api);
    const headers = {
      cookie: `__Host-latchkey=${refreshToken}`,
      'x-latchkey-mode': 'cookie',
      origin: issuer,
    };
    const parameters = { grant_type: 'password', username: user.email, password: goodPassword };
    const answer = await post('/oauth/token', parameters, { headers });
    expect(tokensOf(answer).refresh_token).toEqual(like.refreshToken);
    expect(answer.headers.get('set-cookie')).toBeNull();
    const none = await post('/oauth/token', { grant_type: 'refresh_token' }, { headers });
    expect(errorOf(none)).toBe(malformed);
    expect((await post('/oauth/revoke', { token: 'x' }, { headers })).status).toBe(200);
    // In cookie mode a sign-in takes the place of the session before.
    expect(await whatWorks(api, { accessToken, refreshToken, user } as SignedIn)).toEqual({
      me: true,
      refresh: true,
    });
  });
});

describe('POST /oauth/token with a refresh token', () => {
  test('exchanges it, whichever door it comes from', async () => {
    const first = await register(api);
    const second = tokensOf(await exchangeToken(first.refreshToken));
    expect(second.refresh_token).not.toBe(first.refreshToken);
    const third = await refresh(api, second.refresh_token);
    expect(third.status).toBe(200);
  });

  test('answers the same successor to all that come at once, and to who comes again in time', async () => {
    const { refreshToken } = await register(api);
    const doors = Array.from({ length: 8 }, () => exchangeToken(refreshToken));
    const answers = await Promise.all(doors);
    const successors = new Set(answers.map((answer) => tokensOf(answer).refresh_token));
    expect(successors.size).toBe(1);
    t.clock.advance(9);
    expect(successors).toContain(tokensOf(await exchangeToken(refreshToken)).refresh_token);
  });

  test('ends the session of one that comes too late', async () => {
    const first = await register(api);
    const second = tokensOf(await exchangeToken(first.refreshToken));
    t.clock.advance(11);
    expect(errorOf(await exchangeToken(first.refreshToken))).toBe(
      '400 invalid_grant refresh_reused',
    );
    expect(errorOf(await exchangeToken(second.refresh_token))).toBe(
      '400 invalid_grant session_revoked',
    );
  });

  test('refuses what is no live refresh token', async () => {
    const { accessToken, refreshToken } = await register(api);
    const other = `${refreshToken.slice(0, -1)}${refreshToken.endsWith('A') ? 'B' : 'A'}`;
    for (const token of ['x', accessToken, other, 'A'.repeat(9_000)]) {
      expect(errorOf(await exchangeToken(token))).toBe('400 invalid_grant token_invalid');
    }
    expect((await refresh(api, refreshToken)).status).toBe(200);
  });

  test('refuses one of a session that was idle for too long', async () => {
    await using other = await createTestLatchkey({ sessionIdleTtlSeconds: 60 });
    const on = createApi((await other.serve()).url);
    const { refreshToken } = await other.signInAs();
    other.clock.advance(61);
    const answer = await exchangeToken(refreshToken, on);
    expect(errorOf(answer)).toBe('400 invalid_grant token_expired');
  });
});

describe('a request to the token endpoint', () => {
  const credentials = { username: 'someone@form.example', password: goodPassword };

  test.each([
    ['no grant_type', { ...credentials }, malformed],
    ['an empty grant_type', { ...credentials, grant_type: '' }, malformed],
    ['no username', { grant_type: 'password', password: goodPassword }, malformed],
    ['no password', { grant_type: 'password', username: 'someone' }, malformed],
    ['an empty password', { ...credentials, grant_type: 'password', password: '' }, malformed],
    ['a username of no form', { ...credentials, grant_type: 'password', username: '~' }, malformed],
    ['NUL in it', { ...credentials, grant_type: 'password', password: 'a\0b' }, malformed],
    ['no refresh_token', { grant_type: 'refresh_token' }, malformed],
    ...['authorization_code', 'client_credentials', 'Password', 'toString', ' password'].map(
      (grant) =>
        [
          `grant_type=${grant}`,
          { ...credentials, grant_type: grant },
          '400 unsupported_grant_type invalid_input',
        ] as const,
    ),
  ] as const)('with %s is refused', async (_, parameters, wanted) => {
    expect(errorOf(await post('/oauth/token', parameters))).toBe(wanted);
  });

  test.each([
    ['grant_type=password&grant_type=password&username=a%40b.example&password=p', 'a grant twice'],
    ['grant_type=password&username=someone&username=other&password=p', 'two usernames'],
    ['grant_type=password&username=someone&password=p&password=', 'an empty second password'],
    ['grant_type=password&username=someone&password=p&x=1&x=2', 'anything twice'],
    ['grant_type=password&username=someone&password=p&user%6eame=b', 'another spelling'],
    ['grant_type=password&username=someone&password=%ff', 'bytes that are not UTF-8'],
    ['grant_type=password&username=someone&password=%ed%a0%80', 'half a surrogate pair'],
    ['grant_type=password&username=someone&password=%zz', 'a broken escape'],
    ['', 'nothing'],
    ['{"grant_type":"password"}', 'JSON under the name of a form'],
  ])('%s is refused: %s', async (body) => {
    expect(errorOf(await postText(body))).toBe(malformed);
  });

  test.each([
    'application/json',
    'text/plain',
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencoded; charset=utf-16',
    'application/x-www-form-urlencoded, application/json',
    '',
  ])('of the type "%s" is refused', async (type) => {
    const body = 'grant_type=password&username=someone&password=p';
    const answer = await postText(body, { 'content-type': type });
    expect(errorOf(answer)).toBe(malformed);
  });

  test('names what is wrong with its head', async () => {
    const body = 'grant_type=password&username=someone&password=p';
    const form = 'Content-Type: application/x-www-form-urlencoded';
    for (const [target, ...headers] of [
      ['/oauth/token', form, form],
      ['/oauth/token', form, 'Authorization: a', 'Authorization: b'],
      ['/oauth/token', form, 'Content-Encoding: gzip'],
      ['/oauth/token?', form],
      ['/oauth/token?password=p', form],
      ['/oauth/token?x', form],
    ]) {
      const answer = await exchange(api.url, requestText(`POST ${target}`, headers, body));
      expect(answer.statuses).toEqual([400]);
      expect(answer.text).toContain('"error":"invalid_request"');
    }
    const bytes = Buffer.concat([Buffer.from('password='), Buffer.from([0xff])]);
    const answer = await exchange(api.url, requestText('POST /oauth/token', [form], bytes));
    expect(answer.text).toContain('"error":"invalid_request"');
  });

  test('of more than 32 KiB is refused, however it is sent', async () => {
    const body = `grant_type=password&username=someone&password=${'p'.repeat(32 * 1_024)}`;
    expect(errorOf(await postText(body))).toBe('413 invalid_request invalid_input');
    const chunked = await exchange(
      api.url,
      `POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n` +
        `Transfer-Encoding: chunked\r\n\r\n9000\r\n${'p'.repeat(0x9000)}\r\n0\r\n\r\n`,
    );
    expect(chunked.statuses).toEqual([413]);
    expect(chunked.text.toLowerCase()).toContain('connection: close');
  });

  test('is taken by POST alone, at its one spelling', async () => {
    for (const path of ['/oauth/token', '/oauth/revoke', '/oauth/introspect']) {
      for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
        expect((await api.send(path, { method })).status).toBe(405);
      }
      for (const other of [`${path}/`, `/${path}`, path.toUpperCase(), `${path};x`]) {
        const answer = await exchange(api.url, requestText(`POST ${other}`));
        expect(answer.statuses).toEqual([404]);
      }
    }
  });

  test('from a page is taken of the allowed origins alone', async () => {
    const { user } = await register(api);
    const parameters = { grant_type: 'password', username: user.email, password: goodPassword };
    const own = await post('/oauth/token', parameters, { headers: { origin: issuer } });
    expect(tokensOf(own).access_token).toEqual(like.accessToken);
    expect(own.headers.get('access-control-allow-origin')).toBe(issuer);
    for (const origin of ['https://evil.example', 'null', `${issuer}.evil.example`]) {
      for (const path of ['/oauth/token', '/oauth/revoke', '/oauth/introspect']) {
        const answer = await post(path, parameters, { headers: { origin } });
        expect(errorOf(answer)).toBe('403 invalid_request forbidden');
        expect(answer.headers.get('access-control-allow-origin')).toBeNull();
      }
    }
    const preflight = await api.send('/oauth/token', {
      method: 'OPTIONS',
      headers: { origin: issuer, 'access-control-request-method': 'POST' },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('x-requested-with');
  });

  test('that fails inside says nothing but a request id', async () => {
    const records: object[] = [];
    const logger = { info() {}, warn() {}, error: (fields: object) => records.push(fields) };
    await using broken = await createTestLatchkey({
      logger,
      claims: () => {
        throw new Error('the words of the host');
      },
    });
    const wire = createApi((await broken.serve()).url);
    await broken.latchkey.createUser({
      email: 'a@form.example',
      secret: { password: goodPassword },
    });
    const answer = await signIn('a@form.example', goodPassword, wire);
    const body = jsonOf(answer);
    expect(answer.status).toBe(500);
    expect(body).toEqual({
      error: 'server_error',
      error_description: reasons.internal.message,
      reason: 'internal',
      request_id: like.id,
    });
    expect(records).toMatchObject([{ requestId: body['request_id'], path: '/oauth/token' }]);
    expect(JSON.stringify(records)).not.toContain('words of the host');
  });
});

describe('with limits on', () => {
  test('ten tries a minute are for both doors together', async () => {
    await using limited = await createTestLatchkey({ rateLimits: true });
    const wire = createApi((await limited.serve()).url);
    for (let guess = 0; guess < 5; guess += 1) {
      expect(errorOf(await signIn(`a${guess}@form.example`, 'wrong', wire))).toBe(wrongPassword);
      const input = { email: `b${guess}@form.example`, password: 'wrong' };
      const answer = await wire.mutate('auth.login', { input });
      expect(refusalOf(answer)).toBe(refusals.invalidCredentials);
    }
    const answer = await signIn('c@form.example', 'wrong', wire);
    expect(errorOf(answer)).toBe('429 temporarily_unavailable rate_limited');
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    const input = { email: 'c@form.example', password: 'wrong' };
    expect((await wire.mutate('auth.login', { input })).status).toBe(429);
  });

  test('refreshes count by address, by whichever door', async () => {
    const limits = { refreshPerAddress: { calls: 4, seconds: 60 } };
    await using limited = await createTestLatchkey({ rateLimits: true, limits });
    const wire = createApi((await limited.serve()).url);
    for (let call = 0; call < 2; call += 1) {
      await refresh(wire, 'x');
      await exchangeToken('x', wire);
    }
    expect(errorOf(await exchangeToken('x', wire))).toBe(
      '429 temporarily_unavailable rate_limited',
    );
    expect((await refresh(wire, 'x')).status).toBe(429);
  });

  test('guesses at a service are limited, and keep nobody out who knows its secret', async () => {
    await using limited = await createTestLatchkey({ rateLimits: true, services: [orders] });
    const wire = createApi((await limited.serve()).url);
    const ask = (secret: string) =>
      post(
        '/oauth/introspect',
        { token: 'x' },
        { on: wire, headers: { authorization: basic({ name: 'orders', secret }) } },
      );
    for (let guess = 0; guess < 10; guess += 1) {
      expect(errorOf(await ask(`guess ${guess}`))).toBe('401 invalid_client token_invalid');
    }
    const answer = await ask('one more');
    expect(errorOf(answer)).toBe('429 temporarily_unavailable rate_limited');
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(jsonOf(await ask(orders.secret))).toEqual({ active: false });
  });
});

test('a flood of sign-ins is told to come again, and refreshing goes on', async () => {
  await using busy = await createTestLatchkey({ bcryptCost: 10 });
  const wire = createApi((await busy.serve()).url);
  const { refreshToken } = await busy.signInAs();
  const lookups = vi.spyOn(busy.composition.accounts.store, 'findCredential');
  const flood = Array.from({ length: 200 }, () => signIn('a@form.example', 'wrong', wire));
  const refreshed = await exchangeToken(refreshToken, wire);
  const answers = await Promise.all(flood);
  const shed = answers.filter(({ status }) => status === 503);
  expect(shed.length).toBeGreaterThan(0);
  expect(shed.length).toBeLessThan(200);
  expect(errorOf(shed[0]!)).toBe('503 temporarily_unavailable overloaded');
  expect(shed[0]!.headers.get('retry-after')).toBe('2');
  expect(refreshed.status).toBe(200);
  // They were turned away at the door, before anything was looked up for them.
  expect(lookups.mock.calls.length).toBeLessThan(200);
});

describe('POST /oauth/revoke', () => {
  test.each(['refreshToken', 'accessToken'] as const)(
    'ends the session of its %s',
    async (kind) => {
      const signedIn = await register(api);
      for (const hint of ['refresh_token', 'access_token']) {
        const parameters = { token: signedIn[kind], token_type_hint: hint };
        const answer = await post('/oauth/revoke', parameters);
        expect({ status: answer.status, text: answer.text }).toEqual({ status: 200, text: '' });
        expect(answer.headers.get('cache-control')).toBe('no-store');
      }
      expect(await whatWorks(api, signedIn)).toEqual({ me: false, refresh: false });
      const answer = await api.query('admin.listAuditEvents', {
        token: admin.accessToken,
        input: { userId: signedIn.user.id, type: 'session.ended' },
      });
      expect(auditPageOf(answer).events).toHaveLength(1);
    },
  );

  test('answers 200 for what is no token of ours, and ends nothing', async () => {
    const signedIn = await register(api);
    const { accessToken, refreshToken } = signedIn;
    const forged = [
      t.forge.signedByStranger(accessToken),
      t.forge.unsigned(accessToken),
      t.forge.tampered(accessToken, { role: 'admin' }),
      `${refreshToken.slice(0, -4)}AAAA`,
      'x',
    ];
    for (const token of forged) {
      const answer = await post('/oauth/revoke', { token, token_type_hint: 'unknown' });
      expect({ status: answer.status, text: answer.text }).toEqual({ status: 200, text: '' });
    }
    expect(await whatWorks(api, signedIn)).toEqual({ me: true, refresh: true });
  });

  test('wants a token, once, in the body', async () => {
    expect(errorOf(await post('/oauth/revoke', {}))).toBe(malformed);
    expect(errorOf(await post('/oauth/revoke', 'token=a&token=b'))).toBe(malformed);
    expect(errorOf(await post('/oauth/revoke?token=a', {}))).toBe(malformed);
  });
});

describe('POST /oauth/introspect', () => {
  test('tells a service what a live token says, and the truth of now', async () => {
    const { accessToken, user } = await register(api, { username: 'seen-user' });
    const answer = await introspect(accessToken);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const now = Math.floor(t.clock.now() / 1_000);
    expect(jsonOf(answer)).toEqual({
      active: true,
      token_type: 'Bearer',
      username: 'seen-user',
      iss: issuer,
      aud: issuer,
      sub: user.id,
      sid: like.id,
      jti: like.text,
      iat: now,
      exp: now + 900,
      role: 'user',
      ver: 0,
    });
    expect(answer.text).not.toContain(user.email);
    await post('/oauth/revoke', { token: accessToken });
    expect(jsonOf(await introspect(accessToken))).toEqual({ active: false });
  });

  test('says no more than that of whatever is not live', async () => {
    const { accessToken, refreshToken, user } = await register(api);
    const demoted = await register(api);
    await api.mutate('admin.setRole', {
      token: admin.accessToken,
      input: { userId: demoted.user.id, role: 'admin' },
    });
    const dead = [
      refreshToken,
      demoted.accessToken,
      t.forge.signedByStranger(accessToken),
      t.forge.unsigned(accessToken),
      await t.forge.confused(accessToken),
      t.forge.tampered(accessToken, { role: 'admin' }),
      await t.forge.resign(accessToken, { header: { typ: 'JWT' } }),
      await t.forge.resign(accessToken, { claims: { aud: 'https://other.example' } }),
      await t.forge.resign(accessToken, { claims: { exp: 1 } }),
      'x',
    ];
    for (const token of dead) {
      const answer = await introspect(token);
      expect({ status: answer.status, text: answer.text }).toEqual({
        status: 200,
        text: '{"active":false}',
      });
    }
    await api.mutate('admin.disableUser', {
      token: admin.accessToken,
      input: { userId: user.id },
    });
    expect(jsonOf(await introspect(accessToken))).toEqual({ active: false });
  });

  test('is for either secret of a service, and for an admin', async () => {
    const { accessToken } = await register(api);
    for (const authorization of [
      basic(orders),
      basic(ordersNext),
      basic(orders).replace('Basic', 'basic'),
      `Bearer ${admin.accessToken}`,
    ]) {
      expect(jsonOf(await introspect(accessToken, authorization))).toMatchObject({ active: true });
    }
  });

  test('keeps the claims of the host, which cannot speak for the server', async () => {
    await using other = await createTestLatchkey({
      services: [orders],
      claims: () => ({ tenant: 'acme', active: false, username: 'root', token_type: 'N_A' }),
    });
    const on = createApi((await other.serve()).url);
    const { accessToken: token } = await other.signInAs();
    const headers = { authorization: basic(orders) };
    const answer = await post('/oauth/introspect', { token }, { on, headers });
    const body = jsonOf(answer);
    expect(body).toMatchObject({ tenant: 'acme', active: true, token_type: 'Bearer' });
    expect(body).not.toHaveProperty('username');
  });

  const noService = '401 invalid_client token_invalid';
  const noToken = '401 invalid_token token_invalid';
  const basicWanted = 'Basic realm="latchkey"';
  const bearerWanted = 'Bearer realm="latchkey"';
  test.each([
    ['nothing', '', ['401 invalid_client token_missing', `${basicWanted}, ${bearerWanted}`]],
    ['another scheme', 'Digest x', ['401 invalid_client token_missing', basicWanted]],
    ['another secret', basic({ ...orders, secret: 'x' }), [noService, basicWanted]],
    ['another name', basic({ ...orders, name: 'billing' }), [noService, basicWanted]],
    ['no secret', 'Basic b3JkZXJz', [noService, basicWanted]],
    ['an empty one', 'Basic Og==', [noService, basicWanted]],
    ['no base64', 'Basic §', [noService, basicWanted]],
    ['no token', 'Bearer x', [noToken, `${bearerWanted}, error="invalid_token"`]],
    [
      'a refresh token',
      `Bearer ${admin.refreshToken}`,
      [noToken, `${bearerWanted}, error="invalid_token"`],
    ],
    [
      'who is no admin',
      `Bearer ${ordinary.accessToken}`,
      ['401 insufficient_scope forbidden', `${bearerWanted}, error="insufficient_scope"`],
    ],
  ])('refuses %s', async (_, authorization, [wanted, challenge]) => {
    const answer = await post(
      '/oauth/introspect',
      { token: ordinary.accessToken },
      { headers: authorization === '' ? {} : { authorization } },
    );
    expect(errorOf(answer)).toBe(wanted);
    expect(answer.headers.get('www-authenticate')).toContain(challenge);
    expect(answer.text).not.toContain('active');
  });

  test('is refused before anything of the body is looked at, and wants a token', async () => {
    expect(errorOf(await post('/oauth/introspect', 'token=a&token=b'))).toBe(
      '401 invalid_client token_missing',
    );
    const headers = { authorization: basic(orders) };
    expect(errorOf(await post('/oauth/introspect', {}, { headers }))).toBe(malformed);
    expect(errorOf(await post('/oauth/introspect', 'token=a&token=b', { headers }))).toBe(
      malformed,
    );
  });
});

test('refusals are events that say who and where, and nothing that was sent', async () => {
  await using watched = await createTestLatchkey({ rateLimits: true, services: [orders] });
  const on = createApi((await watched.serve()).url);
  const someone = await watched.signInAs();
  const { accessToken: token } = await watched.signInAs({ role: 'admin' });
  await post('/oauth/token', { grant_type: 'x', username: 'sent' }, { on });
  await exchangeToken('sent', on);
  const wrong = { authorization: basic({ ...orders, secret: 'sent' }) };
  const ordinary = { authorization: `Bearer ${someone.accessToken}` };
  for (const headers of [wrong, ordinary]) {
    await post('/oauth/introspect', { token: 'sent' }, { on, headers });
  }
  const wanted = [
    'input.refused /oauth/token null',
    'token.refused /oauth/token null',
    'token.refused /oauth/introspect null',
    `access.refused /oauth/introspect ${someone.user.id}`,
  ];
  await vi.waitFor(async () => {
    const { events } = auditPageOf(
      await on.query('admin.listAuditEvents', { token, input: { limit: 100 } }),
    );
    const refused = events.filter(({ type }) => type.endsWith('.refused'));
    const found = refused.map(
      ({ type, detail, actorId }) => `${type} ${String(detail['path'])} ${actorId}`,
    );
    expect(found.toSorted()).toEqual(wanted.toSorted());
    expect(JSON.stringify(refused)).not.toContain('sent');
    expect(refused.every(({ ip }) => ip === '127.0.0.1')).toBe(true);
  }, 15_000);
});

test('metadata names what is served (RFC 8414), and each of it is there', async () => {
  const answer = await api.send('/.well-known/oauth-authorization-server');
  const metadata = jsonOf(answer);
  expect(metadata).toEqual({
    issuer,
    token_endpoint: `${issuer}/oauth/token`,
    revocation_endpoint: `${issuer}/oauth/revoke`,
    introspection_endpoint: `${issuer}/oauth/introspect`,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    grant_types_supported: ['password', 'refresh_token'],
    response_types_supported: [],
    token_endpoint_auth_methods_supported: ['none'],
    revocation_endpoint_auth_methods_supported: ['none'],
    introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'Bearer'],
    service_documentation: `${issuer}/docs`,
  });
});

test('the API page describes each endpoint', async () => {
  const document = jsonOf(await api.send('/openapi.json'));
  expect(await new Validator().validate(document)).toEqual({ valid: true });
  for (const path of ['/oauth/token', '/oauth/revoke', '/oauth/introspect']) {
    expect(document['paths']).toHaveProperty([path, 'post', 'requestBody']);
  }
});

test('behind Express, a parser of forms in front changes nothing', async () => {
  const app = express();
  app.use(express.json(), express.urlencoded({ extended: true }));
  app.use(t.latchkey.nodeHandler());
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const on = createApi(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  try {
    const { user } = await register(on);
    tokensOf(await signIn(user.email, goodPassword, on));
    const parameters = 'grant_type=password&username=a&username=b&password=p';
    expect(errorOf(await post('/oauth/token', parameters, { on }))).toBe(malformed);
    const nested = 'grant_type=password&username[x]=a&password=p';
    expect(errorOf(await post('/oauth/token', nested, { on }))).toBe(malformed);
  } finally {
    server.close();
    server.closeAllConnections();
  }
});
