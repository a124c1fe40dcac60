import { expect, test, vi } from 'vitest';
import { ConfigurationError } from '../config/configuration-error.ts';
import { createTestLatchkey } from '../testing/create-test-latchkey.ts';
import { reservedClaims } from './access-token.ts';
import { readCustomClaims, type CustomClaims } from './custom-claims.ts';

/** What JavaScript, or a value of another type than was declared, may bring. */
function readWhatever(claims: object): unknown {
  return readCustomClaims(claims as CustomClaims);
}

test('keeps JSON as it is and leaves out what is undefined', () => {
  const claims = {
    tenant: 7,
    plan: 'free',
    trial: false,
    parent: null,
    teams: ['a', { deep: [1, -0] }],
    bare: Object.assign(Object.create(null) as object, { a: 1 }),
    absent: undefined,
  };
  const { absent: _, ...kept } = claims;
  expect(readWhatever(claims)).toEqual(kept);
  expect(readWhatever({})).toEqual({});
});

test.each(reservedClaims)('refuses the name %s', (name) => {
  const claims = { plan: 'free', [name]: 'secret value' };
  expect(() => readWhatever(claims)).toThrow(
    new ConfigurationError([
      `claims: "${name}" has a meaning of its own in a token. Wanted: another name.`,
    ]),
  );
});

test.each([
  ['a date', new Date(0)],
  ['a function', () => 'secret'],
  ['a symbol', Symbol('secret')],
  ['a big integer', 1n],
  ['no number', Number.NaN],
  ['an endless number', Number.POSITIVE_INFINITY],
  ['a map', new Map()],
  ['an instance', new URL('https://example.com')],
  ['an undefined within', { a: undefined }],
  ['a hole', [undefined]],
  ['a date within', { list: [new Date(0)] }],
  ['a date behind something else', { list: ['a', new Date(0)] }],
  ['a date beside something else', { a: 1, at: new Date(0) }],
])('refuses %s', (_, value) => {
  expect(() => readWhatever({ plan: value })).toThrow(
    'claims: "plan" is not JSON. Wanted: text, numbers, booleans, null, arrays, objects.',
  );
});

test('refuses more than goes along with every call', () => {
  expect(readWhatever({ plan: 'x'.repeat(4_085) })).toEqual({ plan: 'x'.repeat(4_085) });
  expect(() => readWhatever({ plan: 'x'.repeat(4_086) })).toThrow('at most 4096 bytes');
  expect(() => readWhatever({ plan: 'é'.repeat(2_043) })).toThrow('at most 4096 bytes');
});

test('a claim named __proto__ is one like any other', () => {
  const claims = JSON.parse('{"__proto__":{"admin":true}}') as object;
  const read = readWhatever(claims);
  expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
  expect(JSON.stringify(read)).toBe('{"__proto__":{"admin":true}}');
});

test('a token is not issued with a claim that is refused, and the log says why', async () => {
  const lines: object[] = [];
  const log = (fields: object) => {
    lines.push(fields);
  };
  const broken: () => CustomClaims = () => Object.fromEntries([['role', 'admin']]);
  await using t = await createTestLatchkey({
    claims: broken,
    logger: { info() {}, warn: log, error: log },
  });
  const client = await t.clientAs(null);
  const account = { email: 'ada@example.com', password: 'correct horse battery' };
  await expect(client.auth.register.mutate(account)).rejects.toMatchObject({
    data: { reason: 'internal' },
  });
  expect(lines).toMatchObject([
    { problems: ['claims: "role" has a meaning of its own in a token. Wanted: another name.'] },
  ]);
});

test('the largest claims there may be still make a token that is accepted', async () => {
  await using t = await createTestLatchkey({ claims: () => ({ plan: 'x'.repeat(4_085) }) });
  const caller = await t.callerAs({});
  expect(await caller.user.me()).toMatchObject({ role: 'user' });
});

test('a host whose function fails for a while signs nobody out', async () => {
  let isDown = false;
  const claims = async (): Promise<{ plan: string }> => {
    if (isDown) throw new Error('The database of the host is down.');
    return { plan: 'free' };
  };
  await using t = await createTestLatchkey({ claims });
  const client = await t.clientAs(null);
  const { refreshToken } = await t.signInAs();

  isDown = true;
  await expect(client.auth.refresh.mutate({ refreshToken })).rejects.toMatchObject({
    data: { reason: 'internal' },
  });
  t.clock.advance(600);
  isDown = false;
  const refreshed = await client.auth.refresh.mutate({ refreshToken });
  expect(refreshed.user.role).toBe('user');
  expect(refreshed.refreshToken).not.toBe(refreshToken);
});

test('claims are those of the role that the user has when the token is issued', async () => {
  await using t = await createTestLatchkey({ claims: (user) => ({ of: user.role }) });
  const client = await t.clientAs(null);
  const { refreshToken, user } = await t.signInAs();
  const { store } = t.composition.accounts;
  const admin = await t.callerAs({ role: 'admin' });
  // The role changes after the claims were computed and before the refresh is decided.
  const rotateSession = store.rotateSession.bind(store);
  vi.spyOn(store, 'rotateSession').mockImplementationOnce(async (command) => {
    await admin.admin.setRole({ userId: user.id, role: 'admin' });
    return rotateSession(command);
  });
  const { accessToken } = await client.auth.refresh.mutate({ refreshToken });
  const payload: unknown = JSON.parse(
    Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString(),
  );
  expect(payload).toMatchObject({ role: 'admin', of: 'admin' });
});
