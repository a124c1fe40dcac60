import { hashSync } from '@node-rs/bcrypt';
import { expect, test } from 'vitest';
import { createTestLatchkey } from '../testing/create-test-latchkey.ts';
import { createAccount, createFirstAdmin } from './create-account.ts';

const password = 'correct horse battery';
const operator = { userId: null, sessionId: null, ip: null, userAgent: null };
const ada = { email: 'ada@test.example', role: 'user' };

async function createSetup() {
  const t = await createTestLatchkey();
  return { ...t, accounts: t.composition.accounts };
}

test('an account is made in somebody’s name, without a session', async () => {
  await using t = await createSetup();
  const user = await createAccount(
    t.accounts,
    { ...ada, role: 'admin', secret: { password } },
    operator,
  );
  expect(user).toMatchObject({ email: 'ada@test.example', role: 'admin', username: null });
  expect(await t.accounts.store.listSessions(user.id, t.clock.now())).toEqual([]);
  const [event] = await t.accounts.store.listAuditEvents({ limit: 1 });
  expect(event).toMatchObject({ type: 'user.created', userId: user.id, detail: { role: 'admin' } });
});

test('a hash of another system is kept as it is', async () => {
  await using t = await createSetup();
  const bcryptHash = hashSync(password, { cost: 5, version: '2y' });
  await createAccount(t.accounts, { ...ada, secret: { bcryptHash } }, operator);
  expect((await t.accounts.store.findCredential(ada))?.passwordHash).toBe(bcryptHash);
});

test.each([
  ['invalid_input', { bcryptHash: 'p1:$2b$04$' }],
  ['invalid_input', { bcryptHash: '$argon2id$v=19$' }],
  ['invalid_input', { bcryptHash: `$2b$16$${'.'.repeat(53)}` }],
  ['invalid_input', { bcryptHash: password }],
  ['weak_password', { password: 'qwerty123456' }],
  ['weak_password', { password: 'ada@test.example' }],
])('%s: %j makes no account', async (reason, secret) => {
  await using t = await createSetup();
  await expect(createAccount(t.accounts, { ...ada, secret }, operator)).rejects.toMatchObject({
    reason,
  });
  expect(await t.accounts.store.findCredential(ada)).toBeNull();
});

test.each(['email_taken', 'username_taken'])('%s', async (reason) => {
  await using t = await createSetup();
  const first = { ...ada, username: 'ada', secret: { password } };
  await createAccount(t.accounts, first, operator);
  const second =
    reason === 'email_taken' ? { ...first, username: 'b2' } : { ...first, email: 'b@test.example' };
  await expect(createAccount(t.accounts, second, operator)).rejects.toMatchObject({ reason });
});

test('the first admin is made once, however many ask at once', async () => {
  await using t = await createSetup();
  const made = await Promise.all(
    ['a', 'b', 'c'].map((name) =>
      createFirstAdmin(t.accounts, { email: `${name}@test.example`, password }),
    ),
  );
  expect(made.filter((admin) => admin !== null)).toHaveLength(1);
  expect(await t.accounts.store.listUsers({ limit: 10 })).toMatchObject([{ role: 'admin' }]);
  expect(await createFirstAdmin(t.accounts, { email: 'd@test.example', password })).toBeNull();
});

test('a start after the first admin was made hashes no password', async () => {
  await using t = await createSetup();
  const { hasher } = t.accounts;
  let hashes = 0;
  const counting: typeof hasher = {
    ...hasher,
    hash(secret) {
      hashes += 1;
      return hasher.hash(secret);
    },
  };
  const start = () =>
    createFirstAdmin({ ...t.accounts, hasher: counting }, { email: ada.email, password });
  expect(await start()).toMatchObject({ email: ada.email });
  expect(hashes).toBe(1);
  expect(await start()).toBeNull();
  expect(hashes).toBe(1);
});

test('the first admin does not take over an account that is there', async () => {
  await using t = await createSetup();
  await createAccount(t.accounts, { ...ada, secret: { password } }, operator);
  await expect(createFirstAdmin(t.accounts, { email: ada.email, password })).rejects.toMatchObject({
    reason: 'email_taken',
  });
});
