import { randomBytes } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { describe, expect, test } from 'vitest';
import { lacks } from '../kit/mode.ts';
import {
  createApi,
  goodPassword,
  login,
  me,
  refresh,
  refusalOf,
  refusals,
  register,
  sessionsOf,
  signedInOf,
  valueOf,
  whatWorks,
  type SignedIn,
} from './api.ts';
import { beginExchange, beginRequest, requestText, untilRefused } from './raw-socket.ts';
import { createFolder, startProcess } from './server-process.ts';

/** What a start needs in production. */
function productionVariables(database: string): Record<string, string> {
  return {
    NODE_ENV: 'production',
    DATABASE_URL: `file:${database}`,
    LATCHKEY_SECRET: randomBytes(32).toString('base64url'),
    LATCHKEY_URL: 'https://auth.example.com',
    LATCHKEY_BCRYPT_COST: '10',
  };
}

describe('the process', { timeout: 60_000, concurrent: true }, () => {
  test.skipIf(lacks("SQLite's file"))(
    'starts on nothing but a path, says where and what it made once, and keeps it',
    async () => {
      await using folder = await createFolder();
      const path = join(folder.path, 'new', 'latchkey.db');
      const variables = { DATABASE_URL: `file:${path}` };
      let person: SignedIn;
      let secret: string;
      {
        await using first = startProcess(variables);
        const url = await first.ready;
        expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
        const api = createApi(url);
        expect((await api.send('/health/ready')).status).toBe(200);
        const screen = first.stdout();
        expect(screen.match(/is ready on http:\S+/g)).toHaveLength(1);
        expect(screen).toContain(`http://localhost:${new URL(url).port}/docs\n`);
        expect(screen).toContain(`created a secret in ${path}.secret`);
        expect(screen).toContain('created the database');

        secret = await readFile(`${path}.secret`, 'utf8');
        expect(Buffer.from(secret.trimEnd(), 'base64url').length).toBeGreaterThanOrEqual(32);
        for (const each of [path, `${path}.secret`]) {
          expect((await stat(each)).mode & 0o777).toBe(0o600);
        }
        expect((await stat(join(folder.path, 'new'))).mode & 0o777).toBe(0o700);

        const email = /^ +e-mail +(\S+)$/m.exec(screen)?.[1];
        const password = /^ +password +(\S+)$/m.exec(screen)?.[1];
        const answer = await api.mutate('auth.login', { input: { email, password } });
        expect(signedInOf(answer).user.role).toBe('admin');
        person = await register(api);

        first.kill('SIGTERM');
        expect(await first.ended).toEqual({ code: 0, signal: null });
        expect(first.stderr()).toBe('');
        for (const hidden of [
          secret.trimEnd(),
          goodPassword,
          person.accessToken,
          person.refreshToken,
        ]) {
          expect(first.stdout()).not.toContain(hidden);
        }
      }
      await using second = startProcess(variables);
      const api = createApi(await second.ready);
      expect(second.stdout()).not.toMatch(/created|password/);
      expect(await readFile(`${path}.secret`, 'utf8')).toBe(secret);
      expect((await refresh(api, person.refreshToken)).status).toBe(200);
    },
  );

  test('in production prints one line, then JSON, makes no admin that nobody asked for', async () => {
    await using folder = await createFolder();
    const variables = productionVariables(join(folder.path, 'latchkey.db'));
    await using server = startProcess(variables);
    const api = createApi(await server.ready);
    const person = await register(api);
    await api.mutate('auth.login', { input: { email: person.user.email, password: 'wrong' } });
    await api.send('/trpc/"}{\\u001b[31m');
    server.kill('SIGTERM');
    expect(await server.ended).toEqual({ code: 0, signal: null });

    const lines = server.stdout().trimEnd().split('\n');
    expect(lines.length).toBeGreaterThanOrEqual(3);
    const { msg } = JSON.parse(lines[0] ?? '') as { msg: string };
    expect(msg).toMatch(/^Latchkey \S+ is ready on http:\S+ after \d+ ms; created the database$/);
    expect(lines.filter((line) => line.includes(api.url))).toHaveLength(1);
    for (const line of lines) {
      expect(JSON.parse(line)).toMatchObject({ level: 'info', msg: expect.any(String) as unknown });
    }
    const secrets = [
      variables['LATCHKEY_SECRET'] ?? '',
      goodPassword,
      'wrong',
      person.user.email,
      person.accessToken,
      person.refreshToken,
    ];
    for (const hidden of secrets) expect(server.stdout()).not.toContain(hidden);
    expect(server.stderr()).toBe('');
  });

  test.each(['SIGTERM', 'SIGINT'] as const)(
    'on %s answers what is under way, takes nothing new, and ends with 0',
    async (signal) => {
      await using server = startProcess({ DATABASE_URL: ':memory:' });
      const url = await server.ready;
      const bodies = Array.from({ length: 5 }, (_, index) =>
        JSON.stringify({ email: `drain-${index}@process.example`, password: goodPassword }),
      );
      const underWay = await Promise.all(
        bodies.map((body) => beginRequest(url, '/trpc/auth.register', { body })),
      );
      server.kill(signal);
      await untilRefused(url);
      for (const text of await Promise.all(underWay.map((request) => request.finish()))) {
        expect(text).toMatch(/HTTP\/1\.1 200 OK/);
        expect(text).toMatch(/^connection: close\r$/im);
        expect(text).toContain('"tokenType":"Bearer"');
      }
      expect(await server.ended).toEqual({ code: 0, signal: null });
      expect(server.stderr()).toBe('');
    },
  );

  test('answers what had arrived before it was told to end, and it had not read yet', async () => {
    await using server = startProcess({ DATABASE_URL: ':memory:' });
    const url = await server.ready;
    // Stopped, it leaves everything with the system, which is what a busy moment does.
    server.kill('SIGSTOP');
    const arrived = Array.from({ length: 50 }, () =>
      beginExchange(url, requestText('GET /health/live')),
    );
    await Promise.all(arrived.map(({ sent }) => sent));
    server.kill('SIGTERM');
    server.kill('SIGCONT');
    for (const { statuses } of await Promise.all(arrived.map(({ answer }) => answer))) {
      expect(statuses).toEqual([200]);
    }
    expect(await server.ended).toEqual({ code: 0, signal: null });
  });

  test.each(["throw new Error('xyzzy')", "Promise.reject(new Error('xyzzy'))"])(
    '16.5.4: after %s outside of any call it says so once, answers what is under way, and ends with 1',
    async (failing) => {
      await using folder = await createFolder();
      const path = join(folder.path, 'fail.mjs');
      await writeFile(path, `process.once('SIGWINCH', () => { ${failing}; });`);
      await using server = startProcess({
        DATABASE_URL: ':memory:',
        NODE_OPTIONS: `--import=${path}`,
      });
      const url = await server.ready;
      const body = JSON.stringify({ email: 'fails@process.example', password: goodPassword });
      const underWay = await beginRequest(url, '/trpc/auth.register', { body });
      server.kill('SIGWINCH');
      await untilRefused(url);
      expect(await underWay.finish()).toMatch(/HTTP\/1\.1 200 OK/);
      expect(await server.ended).toEqual({ code: 1, signal: null });
      const lines = server.stderr().trimEnd().split('\n');
      expect(lines).toHaveLength(1);
      expect(JSON.parse(lines[0] ?? '')).toEqual({
        error: 'Error',
        at: expect.arrayContaining([expect.stringContaining('fail.mjs')]) as unknown,
      });
      expect(server.stdout() + server.stderr()).not.toContain('xyzzy');
    },
  );

  test('ends with 0 in spite of a client that never ends its request', async () => {
    await using server = startProcess({ DATABASE_URL: ':memory:' });
    const { closed } = await beginRequest(await server.ready, '/trpc/auth.register', {
      body: 'x'.repeat(99),
    });
    server.kill('SIGTERM');
    expect(await server.ended).toEqual({ code: 0, signal: null });
    await closed;
  });

  test('ends with 0 when it is told to as soon as it is ready', async () => {
    for (let round = 0; round < 2; round += 1) {
      await using server = startProcess({ DATABASE_URL: ':memory:' });
      void server.ready.then(() => server.kill('SIGTERM'));
      expect(await server.ended).toEqual({ code: 0, signal: null });
    }
  });

  test('shares a database with another process, and hears at once what that one ends', async () => {
    await using folder = await createFolder();
    const variables = { DATABASE_URL: `file:${join(folder.path, 'shared.db')}` };
    await using one = startProcess(variables);
    const here = createApi(await one.ready);
    await using other = startProcess(variables);
    const there = createApi(await other.ready);
    const person = await register(here);
    expect((await me(there, person.accessToken)).id).toBe(person.user.id);
    const moved = signedInOf(await refresh(there, person.refreshToken));
    valueOf(await here.mutate('auth.logout', { token: moved.accessToken }));
    expect(refusalOf(await there.query('user.me', { token: moved.accessToken }))).toBe(
      refusals.sessionRevoked,
    );
    expect(await whatWorks(there, moved)).toEqual({ me: false, refresh: false });
  });

  test('does as its variables say', async () => {
    await using server = startProcess({
      DATABASE_URL: ':memory:',
      LATCHKEY_URL: 'https://auth.example.com',
      LATCHKEY_AUDIENCE: 'the-api',
      LATCHKEY_SIGNING_ALG: 'ES256',
      LATCHKEY_ACCESS_TTL: '60',
      LATCHKEY_SESSION_TTL: '3600',
      LATCHKEY_SESSION_IDLE_TTL: '600',
      LATCHKEY_REFRESH_GRACE: '0',
      LATCHKEY_TRUSTED_PROXIES: '127.0.0.0/8, 2001:db8::/32',
      LATCHKEY_ALLOWED_ORIGINS: 'https://app.example.com, https://example.com',
      LATCHKEY_LOG_LEVEL: 'warn',
      LATCHKEY_RATE_LIMITS: 'off',
      LATCHKEY_ADMIN_EMAIL: 'Admin@Process.example',
      LATCHKEY_ADMIN_PASSWORD: goodPassword,
    });
    const api = createApi(await server.ready);
    const admin = await login(api, 'admin@process.example');
    expect(admin.user.role).toBe('admin');
    expect(admin.expiresIn).toBe(60);
    expect(decodeProtectedHeader(admin.accessToken).alg).toBe('ES256');
    expect(decodeJwt(admin.accessToken)).toMatchObject({
      iss: 'https://auth.example.com',
      aud: 'the-api',
    });
    for (let guess = 0; guess < 12; guess += 1) {
      const input = { email: admin.user.email, password: 'wrong' };
      expect((await api.mutate('auth.login', { input })).status).toBe(401);
    }
    const behindProxy = await api.mutate('auth.login', {
      input: { email: admin.user.email, password: goodPassword },
      headers: {
        'x-forwarded-for': 'spoofed, 203.0.113.7, 2001:db8::1',
        'x-latchkey-mode': 'cookie',
        origin: 'https://example.com',
      },
    });
    expect(behindProxy.headers.getSetCookie()[0]).toMatch(
      /^__Host-latchkey=[\w-]{72}; Max-Age=(600|599); Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    );
    const { accessToken } = valueOf(behindProxy) as { accessToken: string };
    const sessions = sessionsOf(await api.query('session.list', { token: accessToken }));
    const [current] = sessions.filter((session) => session.current);
    expect(current?.ip).toBe('203.0.113.7');
    expect(Date.parse(current?.expiresAt ?? '') - Date.parse(current?.createdAt ?? '')).toBe(
      3_600_000,
    );
    expect(server.stdout()).not.toContain('"msg":"request"');
    expect(server.stdout()).not.toContain(goodPassword);
  });

  test('makes the admin of its variables once, and changes none that is there', async () => {
    await using folder = await createFolder();
    const variables = productionVariables(join(folder.path, 'admin.db'));
    const admin = {
      LATCHKEY_ADMIN_EMAIL: 'first@process.example',
      LATCHKEY_ADMIN_PASSWORD: goodPassword,
    };
    {
      await using first = startProcess({ ...variables, ...admin });
      const api = createApi(await first.ready);
      expect(first.stdout()).toContain('created the first admin, first@process.example');
      expect(first.stdout()).not.toContain(goodPassword);
      expect((await login(api, 'first@process.example')).user.role).toBe('admin');
    }
    await using second = startProcess({
      ...variables,
      LATCHKEY_ADMIN_EMAIL: 'second@process.example',
      LATCHKEY_ADMIN_PASSWORD: `${goodPassword} 2`,
    });
    const api = createApi(await second.ready);
    expect(second.stdout()).not.toContain('created');
    expect((await login(api, 'first@process.example')).user.role).toBe('admin');
    const input = { email: 'second@process.example', password: `${goodPassword} 2` };
    expect(refusalOf(await api.mutate('auth.login', { input }))).toBe(refusals.invalidCredentials);
  });

  test('H-24: says nothing of its inside in development', async () => {
    await using server = startProcess({ DATABASE_URL: ':memory:', NODE_ENV: 'development' });
    const api = createApi(await server.ready);
    const headers = { 'content-type': 'application/json' };
    const answers = await Promise.all([
      api.query('user.me', { token: 'x' }),
      api.query('no.such'),
      api.mutate('auth.login', { input: { email: 7 } }),
      api.send('/trpc/auth.login', { method: 'POST', headers, body: '{' }),
      api.send('/trpc/user.me?connectionParams=%7B'),
      api.send('/trpc/auth.login', { method: 'PUT' }),
      api.send('/nothing'),
    ]);
    for (const { status, text } of answers) {
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
      expect(text).not.toMatch(/stack|node_modules|\.ts\b|file:|SELECT|at \w+ \(/);
    }
  });
});
