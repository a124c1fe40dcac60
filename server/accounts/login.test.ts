import { hashSync } from '@node-rs/bcrypt';
import { expect, test } from 'vitest';
import { LatchkeyError } from '../../shared/latchkey-error.ts';
import { createTestLatchkey, testPassword } from '../testing/create-test-latchkey.ts';
import type { AccountParts, SignedInActor } from './account-parts.ts';
import { setStatus } from './administer.ts';
import { changePassword } from './change-password.ts';
import { deleteAccount } from './delete-account.ts';
import { login } from './login.ts';

const email = 'ada@test.example';
const password = 'correct horse battery';
const origin = { ip: '203.0.113.9', userAgent: 'curl/8' };

async function createSetup(options: Parameters<typeof createTestLatchkey>[0] = {}) {
  const t = await createTestLatchkey(options);
  const { accounts } = t.composition;
  return {
    ...t,
    accounts,
    hashOf: async () => (await accounts.store.findCredential({ email }))?.passwordHash,
    createUser: (secret: { password: string } | { bcryptHash: string }) =>
      t.latchkey.createUser({ email, username: 'ada', secret }),
  };
}

test('by address or by username the same user is signed in, and it is written down', async () => {
  await using t = await createSetup();
  const { id } = await t.createUser({ password });
  for (const name of [{ email }, { username: 'ada' }]) {
    const signedIn = await login(t.accounts, { ...name, password }, origin);
    expect(signedIn.user.id).toBe(id);
    const { sessionId } = await t.accounts.accessTokens.verify(signedIn.accessToken);
    const [event] = await t.accounts.store.listAuditEvents({ limit: 1 });
    expect(event).toMatchObject({
      type: 'sign_in.succeeded',
      actorId: id,
      userId: id,
      sessionId,
      ...origin,
    });
  }
});

test.each(['2a', '2b', '2y'] as const)(
  'a $%s$ hash of another system signs in, and is of our own kind from then on',
  async (version) => {
    await using t = await createSetup();
    await t.createUser({ bcryptHash: hashSync(password, { cost: 4, version }) });
    const wrong = login(t.accounts, { email, password: 'wrong' }, origin);
    await expect(wrong).rejects.toMatchObject({ reason: 'invalid_credentials' });
    expect(await t.hashOf()).toMatch(`$${version}$`);
    await login(t.accounts, { email, password }, origin);
    const upgraded = await t.hashOf();
    expect(upgraded).toMatch(/^p1:\$2b\$04\$/);
    await login(t.accounts, { email, password }, origin);
    expect(await t.hashOf()).toBe(upgraded);
  },
);

test('a hash of another cost is made anew', async () => {
  await using t = await createSetup({ bcryptCost: 5 });
  const { hasher } = t.accounts;
  await t.createUser({ bcryptHash: hashSync(password, { cost: 4 }) });
  await login(t.accounts, { email, password }, origin);
  expect(await t.hashOf()).toMatch(/^p1:\$2b\$05\$/);
  expect(hasher.isOutdated((await t.hashOf())!)).toBe(false);
});

test('what bcrypt never looked at of a password is not made to count', async () => {
  await using t = await createSetup();
  const seen = 'x1 '.repeat(24);
  const bcryptHash = hashSync(`${seen}tail`, { cost: 4 });
  await t.createUser({ bcryptHash });
  await login(t.accounts, { email, password: `${seen}another tail` }, origin);
  expect(await t.hashOf()).toBe(bcryptHash);
});

test('who signs in while a sign-in beside it upgrades the hash is signed in too', async () => {
  await using t = await createSetup();
  await t.createUser({ bcryptHash: hashSync(password, { cost: 4 }) });
  const { hasher } = t.accounts;
  const parts: AccountParts = {
    ...t.accounts,
    hasher: {
      ...hasher,
      async verify(...args) {
        const matches = await hasher.verify(...args);
        await login(t.accounts, { email, password }, origin);
        return matches;
      },
    },
  };
  const { user } = await login(parts, { email, password }, origin);
  expect(user.email).toBe(email);
  expect(await t.hashOf()).toMatch(/^p1:/);
});

test('a sign-in counts for more than an upgrade under load', async () => {
  await using t = await createSetup();
  const bcryptHash = hashSync(password, { cost: 4 });
  await t.createUser({ bcryptHash });
  const hash = () => Promise.reject(new LatchkeyError('overloaded'));
  const parts: AccountParts = { ...t.accounts, hasher: { ...t.accounts.hasher, hash } };
  await expect(login(parts, { email, password }, origin)).resolves.toMatchObject({
    expiresIn: 900,
  });
  expect(await t.hashOf()).toBe(bcryptHash);
});

type Setup = Awaited<ReturnType<typeof createSetup>>;

test.each<[string, (t: Setup, actor: SignedInActor) => Promise<unknown>]>([
  [
    'given another password',
    (t, actor) =>
      changePassword(t.accounts, actor, { currentPassword: testPassword, newPassword: password }),
  ],
  ['deleted', (t, actor) => deleteAccount(t.accounts, actor, { password: testPassword })],
  [
    'disabled',
    (t, { userId, ...actor }) =>
      setStatus(t.accounts, { userId, status: 'disabled', actor: { ...actor, userId: null } }),
  ],
])('who is %s while the hash is computed is not signed in', async (_, happens) => {
  await using t = await createSetup();
  const { user, accessToken } = await t.signInAs({ email });
  const { sessionId } = await t.accounts.accessTokens.verify(accessToken);
  const { hasher, store } = t.accounts;
  const parts: AccountParts = {
    ...t.accounts,
    hasher: {
      ...hasher,
      async verify(...args) {
        const matches = await hasher.verify(...args);
        await happens(t, { ...origin, userId: user.id, sessionId });
        return matches;
      },
    },
  };
  await expect(login(parts, { email, password: testPassword }, origin)).rejects.toMatchObject({
    reason: 'invalid_credentials',
  });
  // The one at the beginning.
  const signIns = await store.listAuditEvents({ type: 'sign_in.succeeded', limit: 10 });
  expect(signIns).toHaveLength(1);
});
