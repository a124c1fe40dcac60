import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { decodeProtectedHeader } from 'jose';
import { afterAll, describe, expect, test } from 'vitest';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';
import { readStored } from '../kit/read-stored.ts';
import {
  createApi,
  goodPassword,
  me,
  refresh,
  refusalOf,
  refusals,
  register,
  signedInOf,
  valueOf,
  whatWorks,
  type Api,
  type SignedIn,
} from './api.ts';
import { createFolder } from './server-process.ts';

const t = await createTestLatchkey();
const api = createApi((await t.serve()).url);
afterAll(() => t.close());

async function rotate(wire: Api, token: string): Promise<void> {
  valueOf(await wire.mutate('admin.rotateKeys', { token }));
}

async function keyIds(wire: Api): Promise<string[]> {
  const { keys } = JSON.parse((await wire.send('/.well-known/jwks.json')).text) as {
    keys: { kid: string }[];
  };
  return keys.map(({ kid }) => kid);
}

function kidOf({ accessToken }: SignedIn): string | undefined {
  return decodeProtectedHeader(accessToken).kid;
}

describe('rotating keys', () => {
  test('O-04: signs nobody out, three times over', async () => {
    const { accessToken: token } = await t.signInAs({ role: 'admin' });
    const people: SignedIn[] = [];
    for (let rotation = 0; rotation < 3; rotation += 1) {
      people.push(await register(api));
      await rotate(api, token);
    }
    expect(new Set(people.map(kidOf)).size).toBe(3);
    for (const person of people) {
      expect((await me(api, person.accessToken)).id).toBe(person.user.id);
      const refreshed = signedInOf(await refresh(api, person.refreshToken));
      expect(await keyIds(api)).toContain(kidOf(refreshed));
      expect((await me(api, refreshed.accessToken)).id).toBe(person.user.id);
    }
  });

  test('a key that retired verifies what it signed for as long as that lives, and is gone then', async () => {
    const { accessToken: token } = await t.signInAs({ role: 'admin' });
    const person = await register(api);
    const kid = kidOf(person);
    const lasting = await t.forge.resign(person.accessToken, {
      claims: { exp: Math.floor(t.clock.now() / 1_000) + 86_000 },
    });
    await rotate(api, token);
    t.clock.advance(899);
    expect((await api.query('user.me', { token: person.accessToken })).status).toBe(200);
    expect(await keyIds(api)).toContain(kid);
    t.clock.advance(60);
    // Somebody who had stolen the key could still sign with it: it must not count any more.
    expect(refusalOf(await api.query('user.me', { token: lasting }))).toBe(refusals.tokenInvalid);
    expect(await keyIds(api)).not.toContain(kid);
    expect((await refresh(api, person.refreshToken)).status).toBe(200);
  });

  test('many at once agree on one key', async () => {
    const { accessToken: token } = await t.signInAs({ role: 'admin' });
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => api.mutate('admin.rotateKeys', { token })),
    );
    for (const answer of answers) expect(answer.status).toBe(200);
    const person = await register(api);
    const named = answers.map((answer) => (valueOf(answer) as { activeKeyId: string }).activeKeyId);
    expect(named).toContain(kidOf(person));
    expect(await whatWorks(api, person)).toEqual({ me: true, refresh: true });
  });
});

describe('the published keys', () => {
  test.each(['EdDSA', 'ES256', 'RS256'] as const)(
    'J-35: of %s are public alone, each named, used and typed',
    async (signingAlgorithm) => {
      await using kit = await createTestLatchkey({ signingAlgorithm });
      const wire = createApi((await kit.serve()).url);
      const answer = await wire.send('/.well-known/jwks.json');
      const { keys } = JSON.parse(answer.text) as { keys: Record<string, unknown>[] };
      const members = {
        EdDSA: ['crv', 'x'],
        ES256: ['crv', 'x', 'y'],
        RS256: ['e', 'n'],
      }[signingAlgorithm];
      expect(keys).toHaveLength(2);
      expect(new Set(keys.map(({ kid }) => kid)).size).toBe(2);
      for (const key of keys) {
        expect(Object.keys(key).toSorted()).toEqual(
          [...members, 'alg', 'kid', 'kty', 'use'].toSorted(),
        );
        expect(key).toMatchObject({ alg: signingAlgorithm, use: 'sig' });
        if (typeof key['n'] === 'string') {
          expect(Buffer.from(key['n'], 'base64url').length).toBeGreaterThanOrEqual(256);
        }
      }
      const maxAge = Number(/max-age=(\d+)/.exec(answer.headers.get('cache-control') ?? '')?.[1]);
      expect(maxAge).toBeGreaterThan(0);
      expect(maxAge).toBeLessThanOrEqual(900);
    },
  );
});

describe('another process on the same database', () => {
  test('accepts what the first one signed, refuses what it revoked, and follows its keys', async () => {
    await using folder = await createFolder();
    const database = `file:${join(folder.path, 'shared.db')}`;
    await using one = await createTestLatchkey({ database });
    await using other = await createTestLatchkey({ database });
    const [here, there] = [
      createApi((await one.serve()).url),
      createApi((await other.serve()).url),
    ];
    const { accessToken: token } = await one.signInAs({ role: 'admin' });
    const person = await register(here);
    expect((await me(there, person.accessToken)).id).toBe(person.user.id);
    const moved = signedInOf(await refresh(there, person.refreshToken));
    expect((await me(here, moved.accessToken)).id).toBe(person.user.id);

    for (let rotation = 0; rotation < 3; rotation += 1) {
      await rotate(here, token);
      other.clock.advance(2);
      const signedByNew = await register(here);
      expect((await me(there, signedByNew.accessToken)).id).toBe(signedByNew.user.id);
      expect((await api.query('user.me', { token: moved.accessToken })).status).toBe(401);
    }

    valueOf(await here.mutate('auth.logout', { token: moved.accessToken }));
    expect(refusalOf(await there.query('user.me', { token: moved.accessToken }))).toBe(
      refusals.sessionRevoked,
    );
    expect(refusalOf(await refresh(there, moved.refreshToken))).toBe(refusals.sessionRevoked);
  });

  test('R-03: of refreshes at both at once there is one successor', async () => {
    await using folder = await createFolder();
    const database = `file:${join(folder.path, 'raced.db')}`;
    await using one = await createTestLatchkey({ database });
    await using other = await createTestLatchkey({ database });
    const wires = [createApi((await one.serve()).url), createApi((await other.serve()).url)];
    const [here] = wires;
    if (!here) throw new Error('There are two.');
    let latest = await register(here);
    for (let round = 0; round < 10; round += 1) {
      const answers = await Promise.all(
        [...wires, ...wires, ...wires].map((wire) => refresh(wire, latest.refreshToken)),
      );
      const successors = answers.map(signedInOf);
      expect(new Set(successors.map(({ refreshToken }) => refreshToken)).size).toBe(1);
      latest = successors[0] ?? latest;
    }
  });
});

test('R-21: the database holds no token, no password and no private key', async () => {
  await using folder = await createFolder();
  const path = join(folder.path, 'searched.db');
  await using kit = await createTestLatchkey({ database: `file:${path}` });
  const wire = createApi((await kit.serve()).url);
  const first = await register(wire);
  const second = signedInOf(await refresh(wire, first.refreshToken));
  const stored = await readStored(path);
  // What is looked for can be found at all.
  expect(stored.includes(first.user.email)).toBe(true);
  const hidden = [first, second].flatMap(({ accessToken, refreshToken }) => {
    const bytes = Buffer.from(refreshToken, 'base64url');
    const digests = ['sha1', 'sha256', 'md5'].flatMap((name) =>
      [refreshToken, bytes].map((text) => createHash(name).update(text).digest()),
    );
    const tag = bytes.subarray(22);
    return [accessToken, refreshToken, bytes, tag, ...digests].flatMap((each) =>
      typeof each === 'string' ? [each] : [each, each.toString('hex'), each.toString('base64url')],
    );
  });
  for (const each of [...hidden, goodPassword, '"d":', '"k":']) {
    expect(stored.includes(each)).toBe(false);
  }
});

describe('a restart', () => {
  test('keeps everybody signed in, and what was revoked stays revoked', async () => {
    await using folder = await createFolder();
    const database = `file:${join(folder.path, 'restarted.db')}`;
    const before = await createTestLatchkey({ database });
    const wire = createApi((await before.serve()).url);
    const [kept, ended] = [await register(wire), await register(wire)];
    valueOf(await wire.mutate('auth.logout', { token: ended.accessToken }));
    await before.close();

    await using after = await createTestLatchkey({ database });
    const again = createApi((await after.serve()).url);
    expect(await whatWorks(again, ended)).toEqual({ me: false, refresh: false });
    expect(await whatWorks(again, kept)).toEqual({ me: true, refresh: true });
  });

  test('with another algorithm keeps everybody signed in', async () => {
    await using folder = await createFolder();
    const database = `file:${join(folder.path, 'changed.db')}`;
    const before = await createTestLatchkey({ database, signingAlgorithm: 'HS256' });
    const person = await register(createApi((await before.serve()).url));
    await before.close();

    await using after = await createTestLatchkey({ database, signingAlgorithm: 'ES256' });
    const wire = createApi((await after.serve()).url);
    expect((await me(wire, person.accessToken)).id).toBe(person.user.id);
    const refreshed = signedInOf(await refresh(wire, person.refreshToken));
    expect(decodeProtectedHeader(refreshed.accessToken).alg).toBe('ES256');
    expect(await whatWorks(wire, refreshed)).toEqual({ me: true, refresh: true });
  });
});
