import { expect, test } from 'vitest';
import { LatchkeyError } from '../../shared/latchkey-error.ts';
import { createAuditEvent } from '../audit/audit-event.ts';
import { createMemoryLimits, defaultLimits, type LimitName } from '../limits/limits.ts';
import { createSession } from '../sessions/start-session.ts';
import { watchStore } from '../store/watch-store.ts';
import { createTestLatchkey, testPassword } from '../testing/create-test-latchkey.ts';
import { strangerFrom, type AccountParts } from './account-parts.ts';
import { verifyPassword } from './verify-password.ts';

const origin = { ip: '203.0.113.9', userAgent: null };
const refused = { reason: 'invalid_credentials' };
const limited = { reason: 'rate_limited' };

async function signInAt(accounts: AccountParts, userId: string, ip: string): Promise<void> {
  const credential = await accounts.store.findCredential({ userId });
  if (!credential?.passwordHash) throw new Error('There is such a user.');
  await accounts.store.startSession({
    session: createSession(accounts, userId, { ip, userAgent: null }),
    passwordHash: credential.passwordHash,
    maxSessions: 10,
    event: createAuditEvent(accounts.runtime, 'sign_in.succeeded', {
      actor: strangerFrom({ ip, userAgent: null }),
    }),
  });
}

/** A Latchkey with a user, in which the named limit is the only one that is ever met. */
async function createSetup(met?: LimitName, calls = 3, knownAt: string | null = null) {
  const t = await createTestLatchkey();
  const { user } = await t.signInAs({ email: 'ada@test.example' });
  if (knownAt !== null) await signInAt(t.composition.accounts, user.id, knownAt);
  const plenty = { calls: 1_000, seconds: 60 };
  const rules = Object.fromEntries(
    Object.keys(defaultLimits).map((name) => [
      name,
      name === met ? { calls, seconds: 60 } : plenty,
    ]),
  ) as Record<LimitName, typeof plenty>;
  let hashes = 0;
  const asked: string[] = [];
  const hasher = { isFull: false };
  const { accounts } = t.composition;
  const parts: AccountParts = {
    ...accounts,
    store: watchStore(accounts.store, (operation, run) => {
      asked.push(operation);
      return run();
    }),
    limits: createMemoryLimits(rules, t.composition.runtime),
    hasher: {
      ...accounts.hasher,
      verify: async (...args) => {
        if (hasher.isFull) throw new LatchkeyError('overloaded');
        hashes += 1;
        return accounts.hasher.verify(...args);
      },
    },
  };

  async function verify(password: string, { email = 'ada@test.example', ip = origin.ip } = {}) {
    const credential = await accounts.store.findCredential({ email });
    return verifyPassword(parts, {
      accountKey: email,
      credential,
      password,
      origin: { ...origin, ip },
      failure: 'sign_in.failed',
    });
  }

  return {
    ...t,
    user,
    hasher,
    hashes: () => hashes,
    /** What the store was asked since this was last called. */
    asked: () => asked.splice(0),
    events: () => accounts.store.listAuditEvents({ type: 'sign_in.failed', limit: 100 }),
    verify,
    /** So many wrong passwords in a row. */
    async guess(times: number) {
      for (let round = 0; round < times; round += 1) {
        await expect(verify('wrong')).rejects.toMatchObject(refused);
      }
    },
  };
}

test('the right password answers whose it is, and nothing is written down', async () => {
  await using t = await createSetup();
  const { user, passwordHash } = await t.verify(testPassword);
  expect(user.id).toBe(t.user.id);
  expect(passwordHash).toMatch(/^p1:\$2b\$04\$/);
  expect(await t.events()).toEqual([]);
});

test('every kind of wrong is one answer at the price of one hash, and told apart in the log alone', async () => {
  await using t = await createSetup();
  const { admin } = await t.callerAs({ role: 'admin' });
  await expect(t.verify('wrong')).rejects.toMatchObject(refused);
  await expect(t.verify(testPassword, { email: 'eve@test.example' })).rejects.toMatchObject(
    refused,
  );
  await admin.disableUser({ userId: t.user.id });
  await expect(t.verify(testPassword)).rejects.toMatchObject(refused);
  await expect(t.verify('wrong')).rejects.toMatchObject(refused);
  expect(t.hashes()).toBe(4);
  const events = (await t.events()).toReversed();
  expect(events.map(({ userId, detail }) => [userId, detail['cause']])).toEqual([
    [t.user.id, 'wrong_password'],
    [null, 'unknown_user'],
    [t.user.id, 'disabled'],
    [t.user.id, 'wrong_password'],
  ]);
  expect(events[0]).toMatchObject({ actorId: null, sessionId: null, ip: origin.ip });
  expect(JSON.stringify(events)).not.toMatch(/eve@|wrong"|kit/);
});

test('the store is asked the same, in the same order, whether or not there is such an account', async () => {
  await using t = await createSetup();
  await expect(t.verify('wrong')).rejects.toMatchObject(refused);
  const known = t.asked();
  expect(known).not.toEqual([]);
  await expect(t.verify('wrong', { email: 'eve@test.example' })).rejects.toMatchObject(refused);
  expect(t.asked()).toEqual(known);
});

test('a limit is met before any work, by a right password too', async () => {
  await using t = await createSetup('signInPerAddress');
  await t.guess(3);
  const hashes = t.hashes();
  await expect(t.verify(testPassword)).rejects.toMatchObject(limited);
  await expect(t.verify('x', { email: 'eve@test.example' })).rejects.toMatchObject(limited);
  expect(t.hashes()).toBe(hashes);
  await expect(t.verify(testPassword, { ip: '203.0.113.10' })).resolves.toMatchObject({});
});

test('of many at once no more are tried than the limit says', async () => {
  await using t = await createSetup('signInFromStrangers', 7);
  await Promise.allSettled(Array.from({ length: 40 }, () => t.verify('wrong')));
  expect(t.hashes()).toBe(7);
});

test.each([
  ['where the account was never signed in', 'signInFromOneStranger', null],
  ['where it was', 'signInFromKnownAddresses', origin.ip],
] as const)(
  'a success forgets what was tried on the account %s',
  async (_where, limit, knownAt) => {
    await using t = await createSetup(limit, 3, knownAt);
    for (let round = 0; round < 5; round += 1) {
      await t.guess(2);
      await t.verify(testPassword);
    }
    await t.guess(3);
    await expect(t.verify(testPassword)).rejects.toMatchObject(limited);
  },
);

test('who tries at one address does not keep the owner out at another', async () => {
  await using t = await createSetup('signInFromOneStranger');
  await t.guess(3);
  await expect(t.verify('wrong')).rejects.toMatchObject(limited);
  await expect(t.verify(testPassword, { ip: '203.0.113.10' })).resolves.toMatchObject({});
});

test('strangers, however many, do not keep the owner out where the account was signed in', async () => {
  await using t = await createSetup('signInFromStrangers', 3, '198.51.100.7');
  for (const ip of ['203.0.113.1', '203.0.113.2', '203.0.113.3']) {
    await expect(t.verify('wrong', { ip })).rejects.toMatchObject(refused);
  }
  await expect(t.verify(testPassword, { ip: '203.0.113.4' })).rejects.toMatchObject(limited);
  await expect(t.verify(testPassword, { ip: '198.51.100.7' })).resolves.toMatchObject({});
  // A success there is nothing to the strangers.
  await expect(t.verify(testPassword, { ip: '203.0.113.4' })).rejects.toMatchObject(limited);
});

test('a sign-in that succeeds is no guess against the account', async () => {
  await using t = await createSetup('signInFromStrangers');
  for (let round = 0; round < 10; round += 1) await t.verify(testPassword);
  await t.guess(3);
  await expect(t.verify('wrong', { ip: '203.0.113.10' })).rejects.toMatchObject(limited);
});

test('who was turned away because of load has not used anything up', async () => {
  await using t = await createSetup('signInFromStrangers', 1);
  t.hasher.isFull = true;
  await expect(t.verify(testPassword)).rejects.toMatchObject({ reason: 'overloaded' });
  t.hasher.isFull = false;
  await expect(t.verify(testPassword)).resolves.toMatchObject({});
});

test('addresses of one IPv6 network are one', async () => {
  await using t = await createSetup('signInPerAddress');
  for (const ip of ['2001:db8::1', '2001:db8::2', '2001:db8::3']) {
    await expect(t.verify('wrong', { ip })).rejects.toMatchObject(refused);
  }
  await expect(t.verify('wrong', { ip: '2001:db8::4' })).rejects.toMatchObject(limited);
  await expect(t.verify('wrong', { ip: '2001:db8:0:1::4' })).rejects.toMatchObject(refused);
});
