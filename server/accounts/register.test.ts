import { expect, test } from 'vitest';
import { createTestLatchkey } from '../testing/create-test-latchkey.ts';
import { register } from './register.ts';

const password = 'correct horse battery';
const origin = { ip: '203.0.113.9', userAgent: 'curl/8' };
const ada = { email: 'ada@test.example', username: 'ada', name: 'Ada', password };

async function createSetup(options: Parameters<typeof createTestLatchkey>[0] = {}) {
  const t = await createTestLatchkey(options);
  return { ...t, accounts: t.composition.accounts };
}

test('an account is made, signed in, and written down', async () => {
  await using t = await createSetup();
  const { user, accessToken } = await register(t.accounts, ada, origin);
  expect(user).toMatchObject({
    email: 'ada@test.example',
    emailVerified: false,
    username: 'ada',
    name: 'Ada',
    role: 'user',
    status: 'active',
    createdAt: t.clock.now(),
  });
  const { sessionId } = await t.accounts.accessTokens.verify(accessToken);
  expect(await t.accounts.store.listSessions(user.id, t.clock.now())).toMatchObject([
    { id: sessionId, ...origin },
  ]);
  const [event] = await t.accounts.store.listAuditEvents({ limit: 1 });
  expect(event).toMatchObject({
    type: 'user.registered',
    actorId: null,
    userId: user.id,
    sessionId,
  });
});

test.each([
  ['email_taken', { ...ada, username: 'other' }],
  ['username_taken', { ...ada, email: 'other@test.example' }],
  ['weak_password', { ...ada, email: 'x@test.example', username: 'x1', password: 'short' }],
  ['weak_password', { email: 'kovalevskaya@test.example', password: 'kovalevskaya1' }],
])('%s: nothing is made', async (reason, input) => {
  await using t = await createSetup();
  await register(t.accounts, ada, origin);
  await expect(register(t.accounts, input, origin)).rejects.toMatchObject({ reason });
  expect(await t.accounts.store.listUsers({ limit: 10 })).toHaveLength(1);
  expect(
    await t.accounts.store.listAuditEvents({ type: 'user.registered', limit: 10 }),
  ).toHaveLength(1);
});

test('of many who ask for one address at once, one gets it', async () => {
  await using t = await createSetup();
  const outcomes = await Promise.allSettled(
    Array.from({ length: 8 }, () => register(t.accounts, ada, origin)),
  );
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(await t.accounts.store.listUsers({ limit: 10 })).toHaveLength(1);
});

test('accounts from one address are limited, before any work', async () => {
  await using t = await createSetup({ rateLimits: true });
  const tooShort = { email: 'x@test.example', password: 'short' };
  for (let round = 0; round < 30; round += 1) {
    await expect(register(t.accounts, tooShort, origin)).rejects.toMatchObject({
      reason: 'weak_password',
    });
  }
  await expect(register(t.accounts, ada, origin)).rejects.toMatchObject({ reason: 'rate_limited' });
  await expect(register(t.accounts, ada, { ...origin, ip: '203.0.113.10' })).resolves.toMatchObject(
    {},
  );
});
