import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';
import { lacks } from '../kit/mode.ts';
import {
  createApi,
  goodPassword,
  login,
  refusalOf,
  refusals,
  register,
  signedInOf,
  valueOf,
  type Api,
  type CallOptions,
  type SignedIn,
} from './api.ts';
import { createFolder } from './server-process.ts';

// What one call has done, the next one sees: in the process that did it, and in another one on the
// same file that has just answered the same caller and remembers them.

async function openServer(database: string) {
  const t = await createTestLatchkey({ database });
  const handle = t.latchkey.fetchHandler();
  const api = createApi('http://localhost:3000', (url, init) => handle(new Request(url, init)));
  return { t, api };
}
type Server = Awaited<ReturnType<typeof openServer>>;

let folder: Awaited<ReturnType<typeof createFolder>>;
let here: Server;
let there: Server;
let admin: SignedIn;
let person: SignedIn;

beforeEach(async () => {
  folder = await createFolder();
  const database = `file:${join(folder.path, 'a.db')}`;
  here = await openServer(database);
  there = await openServer(database);
  // They began to count one after the other.
  there.t.clock.advance((here.t.clock.now() - there.t.clock.now()) / 1_000);
  admin = await here.t.signInAs({ role: 'admin', email: 'admin@test.example' });
  person = await register(here.api);
});
afterEach(async () => {
  await Promise.all([here.t.close(), there.t.close()]);
  await folder[Symbol.asyncDispose]();
});

interface Change {
  /** What is done, by a call to the server that is given. */
  readonly act: (api: Api) => Promise<unknown>;
  /** What the person's next call is told. */
  readonly refusal: string;
}

async function done(api: Api, path: string, sent: CallOptions): Promise<void> {
  valueOf(await api.mutate(path, sent));
}

const changes: Readonly<Record<string, Change>> = {
  'signing out': {
    act: (api) => done(api, 'auth.logout', { token: person.accessToken, input: {} }),
    refusal: refusals.sessionRevoked,
  },
  'signing out everywhere': {
    act: async (api) => {
      const elsewhere = await login(api, person.user.email);
      await done(api, 'session.revokeAll', { token: elsewhere.accessToken, input: {} });
    },
    refusal: refusals.sessionRevoked,
  },
  'a password changed elsewhere': {
    act: async (api) => {
      const elsewhere = await login(api, person.user.email);
      const input = { currentPassword: goodPassword, newPassword: 'eight loud lanterns' };
      await done(api, 'user.changePassword', { token: elsewhere.accessToken, input });
    },
    refusal: refusals.sessionRevoked,
  },
  'an admin who ends the sessions': {
    act: (api) =>
      done(api, 'admin.revokeSessions', {
        token: admin.accessToken,
        input: { userId: person.user.id },
      }),
    refusal: refusals.sessionRevoked,
  },
  disabling: {
    act: (api) =>
      done(api, 'admin.disableUser', {
        token: admin.accessToken,
        input: { userId: person.user.id },
      }),
    refusal: refusals.sessionRevoked,
  },
  'another role': {
    act: (api) =>
      done(api, 'admin.setRole', {
        token: admin.accessToken,
        input: { userId: person.user.id, role: 'admin' },
      }),
    refusal: refusals.tokenStale,
  },
  deletion: {
    act: (api) =>
      done(api, 'user.delete', { token: person.accessToken, input: { password: goodPassword } }),
    refusal: refusals.sessionRevoked,
  },
  'a refresh token used twice': {
    act: async (api) => {
      const input = { refreshToken: person.refreshToken };
      signedInOf(await api.mutate('auth.refresh', { input }));
      for (const { t } of [here, there]) t.clock.advance(60);
      expect(refusalOf(await api.mutate('auth.refresh', { input }))).toBe(refusals.refreshReused);
    },
    refusal: refusals.sessionRevoked,
  },
};

/** Calls often enough for the caller to be remembered. */
async function callOften(): Promise<void> {
  for (let call = 0; call < 3; call += 1) {
    for (const { api } of [here, there]) {
      valueOf(await api.query('user.me', { token: person.accessToken }));
    }
  }
}

describe.each(Object.entries(changes))('%s', (_name, { act, refusal }) => {
  test.each(['here', 'there'] as const)('done %s is seen at the next call of both', async (by) => {
    await callOften();
    await act((by === 'here' ? here : there).api);
    for (const { api } of [here, there]) {
      expect(refusalOf(await api.query('user.me', { token: person.accessToken }))).toBe(refusal);
    }
  });
});

test('a profile that changes is shown at the next call of both', async () => {
  await callOften();
  await done(there.api, 'user.update', { token: person.accessToken, input: { name: 'Ada' } });
  for (const { api } of [here, there]) {
    const user = valueOf(await api.query('user.me', { token: person.accessToken }));
    expect(user).toMatchObject({ name: 'Ada' });
  }
});

test('a token is refused from the second of its expiry, remembered or not', async () => {
  await callOften();
  for (const { t } of [here, there]) t.clock.advance(person.expiresIn - 1);
  await callOften();
  for (const { t, api } of [here, there]) {
    t.clock.advance(1);
    const answer = await api.query('user.me', { token: person.accessToken });
    expect(refusalOf(answer)).toBe(refusals.tokenExpired);
  }
});

test('after the keys are rotated both go on taking the tokens of before, and take those of after', async () => {
  await callOften();
  await done(here.api, 'admin.rotateKeys', { token: admin.accessToken });
  await callOften();
  const input = { refreshToken: person.refreshToken };
  const before = person.accessToken;
  person = signedInOf(await here.api.mutate('auth.refresh', { input }));
  expect(person.accessToken.split('.')[0]).not.toBe(before.split('.')[0]);
  await callOften();
});

test.skipIf(lacks('one process'))(
  'a call of an admin asks the store each time, one of a person who is remembered never',
  async () => {
    await callOften();
    const findSession = vi.spyOn(here.t.composition.accounts.store, 'findSession');
    valueOf(await here.api.query('user.me', { token: person.accessToken }));
    expect(findSession).not.toHaveBeenCalled();
    for (let call = 1; call <= 3; call += 1) {
      valueOf(await here.api.query('admin.listUsers', { token: admin.accessToken, input: {} }));
      expect(findSession).toHaveBeenCalledTimes(call);
    }
  },
);
