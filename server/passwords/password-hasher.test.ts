import * as os from 'node:os';
import * as bcrypt from '@node-rs/bcrypt';
import fc from 'fast-check';
import { beforeEach, expect, test, vi } from 'vitest';
import { createPasswordHasher, isImportableHash, shareOfHashes } from './password-hasher.ts';

// The real bcrypt, with its calls counted.
vi.mock('@node-rs/bcrypt', { spy: true });
vi.mock('node:os', { spy: true });

const cost = 6;
const pepper = Buffer.alloc(32, 7);
const hasher = createPasswordHasher({ cost, pepper });
const password = 'correct horse battery';
const versions = ['2a', '2b', '2y'] as const;

beforeEach(() => {
  vi.clearAllMocks();
});

/** How many rounds of bcrypt ran since the test began: its work, whatever the machine's speed. */
function roundsSpent(): number {
  const verified = vi.mocked(bcrypt.verify).mock.calls.map(([, hash]) => hash);
  // What `parseOptions` refuses, `verify` answers without a single round.
  return verified.reduce((rounds, hash) => rounds + 2 ** bcrypt.parseOptions(hash).cost, 0);
}

test('a password verifies against its own hash and no other does', async () => {
  const hash = await hasher.hash(password);
  expect(await hasher.verify(password, hash)).toBe(true);
  expect(await hasher.verify(`${password} `, hash)).toBe(false);
  expect(await hasher.verify('', hash)).toBe(false);
  expect(await hasher.hash(password)).not.toBe(hash);
});

test('every character counts, however many and of whatever script there are', async () => {
  const long = '密'.repeat(63);
  const hash = await hasher.hash(`${long}a`);
  expect(await hasher.verify(`${long}a`, hash)).toBe(true);
  expect(await hasher.verify(`${long}b`, hash)).toBe(false);
  expect(await hasher.verify(long, hash)).toBe(false);
});

test('a repetition is another password', async () => {
  const hash = await hasher.hash('abc');
  expect(await hasher.verify('abc\0abc', hash)).toBe(false);
  expect(await hasher.verify('abcabc', hash)).toBe(false);
});

test('a password is the same however it was composed', async () => {
  const hash = await hasher.hash('caf\u00E9 cr\u00E8me');
  expect(await hasher.verify('cafe\u0301 cre\u0300me', hash)).toBe(true);
  const imported = bcrypt.hashSync('caf\u00E9', { cost: 4 });
  expect(await hasher.verify('cafe\u0301', imported)).toBe(true);
});

test('a hash is worth nothing without the pepper', async () => {
  const hash = await hasher.hash(password);
  const other = createPasswordHasher({ cost, pepper: Buffer.alloc(32, 8) });
  expect(await other.verify(password, hash)).toBe(false);
  expect(bcrypt.verifySync(password, hash.slice('p1:'.length))).toBe(false);
});

test.each(versions)('a $%s$ hash of another system verifies and is outdated', async (version) => {
  const imported = bcrypt.hashSync(password, { cost, version });
  expect(imported.startsWith(`$${version}$`)).toBe(true);
  expect(isImportableHash(imported)).toBe(true);
  expect(await hasher.verify(password, imported)).toBe(true);
  expect(await hasher.verify('wrong', imported)).toBe(false);
  expect(hasher.isOutdated(imported)).toBe(true);
});

// From the tests of jBCrypt and of crypt_blowfish.
test.each([
  ['a', '06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe'],
  ['abc', '06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i'],
  ['U*U', '05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ['U*U*', '05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK'],
  ['U*U*U', '05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a'],
])('%j verifies against the hash that others made of it', async (typed, hash) => {
  for (const version of versions) {
    expect(await hasher.verify(typed, `$${version}$${hash}`)).toBe(true);
    expect(await hasher.verify(`${typed}x`, `$${version}$${hash}`)).toBe(false);
  }
});

test('a long password verifies against a hash that looked at 72 bytes of it', async () => {
  const long = 'x'.repeat(100);
  expect(await hasher.verify(long, bcrypt.hashSync(long, { cost: 4 }))).toBe(true);
});

test('a hash of another cost is outdated, and one of this cost is not', async () => {
  expect(hasher.isOutdated(await hasher.hash(password))).toBe(false);
  for (const other of [cost - 1, cost + 1]) {
    const hash = await createPasswordHasher({ cost: other, pepper }).hash(password);
    expect(await hasher.verify(password, hash)).toBe(true);
    expect(hasher.isOutdated(hash)).toBe(true);
  }
});

// A salt has two bits to spare in its last character and a digest four; only zeros are bcrypt's.
const unreadable = [
  '',
  'p1:',
  'plain text',
  '$2b$06$short',
  `$2x$06$${'.'.repeat(53)}`,
  `$2b$03$${'.'.repeat(53)}`,
  `$2b$16$${'.'.repeat(53)}`,
  `$2b$31$${'.'.repeat(53)}`,
  `$2b$6$${'.'.repeat(53)}`,
  `$2b$06$${'z'.repeat(53)}`,
  `$2b$06$${'.'.repeat(52)}z`,
  `p1:$2b$06$${'z'.repeat(53)}`,
  `p1:p1:$2b$06$${'.'.repeat(53)}`,
  `$2b$06$${'.'.repeat(53)}\n`,
  '$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b4dWRWJTmaaJObG',
];

test.each(unreadable)('nothing matches %j, at the price of one hash', async (stored) => {
  expect(await hasher.verify(password, stored)).toBe(false);
  expect(roundsSpent()).toBe(2 ** cost);
  expect(isImportableHash(stored)).toBe(false);
});

test('the dearest hash to be imported has cost 15', () => {
  expect(isImportableHash(`$2b$15$${'.'.repeat(53)}`)).toBe(true);
  expect(isImportableHash(`$2b$16$${'.'.repeat(53)}`)).toBe(false);
});

test('an account that does not exist costs one hash', async () => {
  expect(await hasher.verify(password, null)).toBe(false);
  expect(roundsSpent()).toBe(2 ** cost);
});

test.each([4, 5, cost])('a stored hash of cost %i costs one of this cost', async (storedCost) => {
  for (const stored of [
    bcrypt.hashSync(password, { cost: storedCost }),
    await createPasswordHasher({ cost: storedCost, pepper }).hash(password),
  ]) {
    for (const typed of [password, 'wrong']) {
      vi.clearAllMocks();
      expect(await hasher.verify(typed, stored)).toBe(typed === password);
      expect(roundsSpent()).toBe(2 ** cost);
    }
  }
});

test.each(unreadable)('%j is outdated', (stored) => {
  expect(hasher.isOutdated(stored)).toBe(true);
});

test('a peppered hash is not to be imported: only this server could have made it', async () => {
  expect(isImportableHash(await hasher.hash(password))).toBe(false);
});

test('whatever is stored, verifying answers', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string(), fc.string(), async (stored, typed) => {
      expect(await hasher.verify(typed, stored)).toBe(false);
    }),
    { numRuns: 20 },
  );
});

test('more than can wait is refused at once, and what waits is answered', async () => {
  const busy = createPasswordHasher({ cost: 4, pepper, concurrency: 1 });
  const calls = Array.from({ length: 40 }, () => busy.verify(password, null));
  const outcomes = await Promise.allSettled(calls);
  const refused = outcomes.filter(({ status }) => status === 'rejected');
  // One under way and sixteen that wait.
  expect(refused).toHaveLength(40 - 17);
  expect(refused[0]).toMatchObject({
    reason: { name: 'LatchkeyError', reason: 'overloaded', retryAfterSeconds: 2 },
  });
  expect(await busy.verify(password, null)).toBe(false);
});

test('no more than can wait is let in, and none when there is no room', async () => {
  const busy = createPasswordHasher({ cost: 4, pepper, concurrency: 1 });
  const calls = Array.from({ length: 16 }, () => busy.hash(password));
  expect(busy.findShortage()).toBeNull();
  calls.push(busy.hash(password));
  expect(busy.findShortage()).toMatchObject({ reason: 'overloaded', retryAfterSeconds: 2 });
  await Promise.all(calls);
  expect(busy.findShortage()).toBeNull();
});

test.each([
  [1, 1],
  [2, 1],
  [8, 7],
])('of %i processors %i hash', async (processors, hashing) => {
  vi.mocked(os.availableParallelism).mockReturnValueOnce(processors);
  const busy = createPasswordHasher({ cost: 4, pepper });
  const calls = Array.from({ length: 200 }, () => busy.verify(password, null));
  const outcomes = await Promise.allSettled(calls);
  const done = outcomes.filter(({ status }) => status === 'fulfilled');
  // Each has one under way and sixteen that wait.
  expect(done).toHaveLength(hashing * 17);
});

test('what an earlier release hashed verifies', async () => {
  const hash = 'p1:$2b$04$hqs/TPODxUMlaoNtuKX7cu4C3vopgLCjvk3fElMGtYwk0bLZIRwoi';
  expect(await hasher.verify(password, hash)).toBe(true);
  expect(await hasher.verify('wrong', hash)).toBe(false);
});

test('a hash that fails makes room for the next one', async () => {
  const busy = createPasswordHasher({ cost: 4, pepper, concurrency: 1 });
  vi.mocked(bcrypt.hash).mockRejectedValueOnce(new Error('no memory'));
  await expect(busy.hash(password)).rejects.toThrow('no memory');
  expect(await busy.verify(password, await busy.hash(password))).toBe(true);
});

test.each([
  { processors: 8, count: 1, shares: [7] },
  { processors: 8, count: 3, shares: [3, 2, 2] },
  { processors: 4, count: 4, shares: [1, 1, 1, 1] },
  { processors: 1, count: 2, shares: [1, 1] },
])(
  'of $processors processors, $count processes leave one where they can',
  ({ processors, count, shares }) => {
    const found = shares.map((_, index) => shareOfHashes({ index, count }, processors));
    expect(found).toEqual(shares);
  },
);
