import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { AuthResult, User } from '../shared/schemas.ts';
import { createBench } from './harness.ts';
import { addresses, password } from './servers/people.ts';
import { findMissingFastApi, production } from './subjects.ts';

const [email = ''] = addresses(1);
const json = { 'content-type': 'application/json' };

/** The same token with another signature. */
function forge(token: string): string {
  const [header, payload, signature = ''] = token.split('.');
  return [header, payload, signature.split('').toReversed().join('')].join('.');
}

function withToken(token: string): RequestInit {
  return { headers: { authorization: `Bearer ${token}` } };
}

/** What Latchkey answers of a user. */
const fields = [
  'createdAt',
  'email',
  'emailVerified',
  'id',
  'name',
  'role',
  'status',
  'updatedAt',
  'username',
];

const rest = { read: '/me', signIn: '/login', refresh: '/refresh' };
const trpc = { read: '/trpc/user.me', signIn: '/trpc/auth.login', refresh: '/trpc/auth.refresh' };

describe.each([
  { name: 'Express', file: 'express.ts', api: rest, args: [] },
  { name: 'Fastify', file: 'fastify.ts', api: rest, args: [] },
  { name: 'Fastify with its cache', file: 'fastify.ts', api: rest, args: ['cache'] },
  { name: 'the usual way', file: 'usual-way.ts', api: trpc, args: [] },
])('$name', ({ file, api, args }) => {
  test('does what it is measured for', { timeout: 60_000 }, async () => {
    await using bench = createBench(null);
    const path = bench.newDatabase();
    const { url } = await bench.start(file, { args: [path, '4', '1', ...args], env: production });

    async function ask<T>(at: string, init: RequestInit): Promise<T> {
      const response = await fetch(`${url}${at}`, init);
      expect(response.status).toBe(200);
      const answer = (await response.json()) as { result?: { data: T } } & T;
      return answer.result?.data ?? answer;
    }
    const post = (body: object) => ({ method: 'POST', headers: json, body: JSON.stringify(body) });
    const read = async (token: string) =>
      (await fetch(`${url}${api.read}`, withToken(token))).status;

    const signedIn = await ask<AuthResult>(api.signIn, post({ email, password }));
    const user = await ask<User>(api.read, withToken(signedIn.accessToken));
    expect(Object.keys(user).toSorted()).toEqual(fields);
    expect(await read(forge(signedIn.accessToken))).toBe(401);
    const wrong = await fetch(`${url}${api.signIn}`, post({ email, password: 'another one' }));
    expect(wrong.status).toBe(401);

    const refreshToken = signedIn.refreshToken ?? '';
    const refreshed = await ask<AuthResult>(api.refresh, post({ refreshToken }));
    expect(await read(refreshed.accessToken)).toBe(200);
    const again = await fetch(`${url}${api.refresh}`, post({ refreshToken }));
    expect(again.status).toBe(401);

    const database = new Database(path);
    database.prepare('UPDATE sessions SET revoked_at = 1').run();
    database.close();
    expect(await read(refreshed.accessToken)).toBe(401);
  });
});

test.skipIf(findMissingFastApi() !== null)(
  'FastAPI’s tutorial does what it is measured for',
  { timeout: 60_000 },
  async () => {
    await using bench = createBench(null);
    const { url } = await bench.start('fastapi.ts', { args: ['4', '1'] });
    const signIn = async (given: string) =>
      fetch(`${url}/token`, {
        method: 'POST',
        body: new URLSearchParams({ username: email, password: given }),
      });
    expect((await signIn('another one')).status).toBe(401);
    const { access_token: token } = (await (await signIn(password)).json()) as {
      access_token: string;
    };
    const me = await fetch(`${url}/users/me/`, withToken(token));
    expect(Object.keys((await me.json()) as User).toSorted()).toEqual(fields);
    expect((await fetch(`${url}/users/me/`, withToken(forge(token)))).status).toBe(401);
  },
);
