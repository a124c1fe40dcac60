import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LatchkeyError } from './latchkey-error.ts';
import {
  changePasswordInput,
  createRoleSchemas,
  deleteUserInput,
  emailSchema,
  listAuditEventsInput,
  loginInput,
  logoutInput,
  nameSchema,
  passwordSchema,
  readInput,
  refreshInput,
  registerInput,
  revokeSessionInput,
  updateUserInput,
  userIdInput,
  usernameSchema,
} from './schemas.ts';

const id = '0197c1a5-3b6e-7c6a-8f00-1a2b3c4d5e6f';
const password = 'correct horse battery';
const schemas = createRoleSchemas(['user', 'admin', 'editor']);
const inputs = {
  registerInput: [registerInput, { email: 'a@b.example', password }],
  'loginInput by address': [loginInput, { email: 'a@b.example', password }],
  'loginInput by name': [loginInput, { username: 'ada', password }],
  refreshInput: [refreshInput, { refreshToken: 'x' }],
  logoutInput: [logoutInput, {}],
  updateUserInput: [updateUserInput, { name: null }],
  changePasswordInput: [changePasswordInput, { currentPassword: password, newPassword: password }],
  deleteUserInput: [deleteUserInput, { password }],
  revokeSessionInput: [revokeSessionInput, { sessionId: id }],
  userIdInput: [userIdInput, { userId: id }],
  listAuditEventsInput: [listAuditEventsInput, {}],
  listUsersInput: [schemas.listUsersInput, {}],
  setRoleInput: [schemas.setRoleInput, { userId: id, role: 'editor' }],
  newAccount: [schemas.newAccount, { email: 'a@b.example' }],
} as const;

/** Any sequence of UTF-16 code units, halves of surrogate pairs among them. */
const anyString = fc.string({
  unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
  maxLength: 40,
});

test.each(Object.entries(inputs))(
  '%s takes what it names and no other key',
  (_, [schema, good]) => {
    expect(schema.safeParse(good).success).toBe(true);
    expect(schema.safeParse({ ...good, isAdmin: true }).success).toBe(false);
  },
);

test.each([
  ['ada@example.com', 'ada@example.com'],
  ['  Ada.Lovelace+x@EXAMPLE.com\n', 'ada.lovelace+x@example.com'],
  [`${'a'.repeat(242)}@example.com`, `${'a'.repeat(242)}@example.com`],
])('%j is the address %j', (typed, kept) => {
  expect(emailSchema.parse(typed)).toBe(kept);
});

test.each([
  '',
  'ada',
  'ada@',
  '@example.com',
  'ada@example',
  'a b@example.com',
  'ada@example.com, eve@example.com',
  'ada@example.com\0',
  'ada@exämple.com',
  'ADA@exampİe.com',
  `${'a'.repeat(243)}@example.com`,
  null,
  ['ada@example.com'],
])('%j is no address', (typed) => {
  expect(emailSchema.safeParse(typed).success).toBe(false);
});

test.each([
  ['ada', 'ada'],
  ['Ada_99', 'ada_99'],
  ['0x', '0x'],
  ['a'.repeat(32), 'a'.repeat(32)],
])('%j is the username %j', (typed, kept) => {
  expect(usernameSchema.parse(typed)).toBe(kept);
});

// The last one is the Kelvin sign, which folds to an ASCII k.
test.each(['', 'a', '-ada', '.ada', 'ada@x', 'a da', 'ada\n', 'ädа', 'a'.repeat(33), '\u212Aada'])(
  '%j is no username',
  (typed) => {
    expect(usernameSchema.safeParse(typed).success).toBe(false);
  },
);

test.each([
  ['  Ada Lovelace ', 'Ada Lovelace'],
  ['e\u0301va', '\u00E9va'],
  ['王小明', '王小明'],
  ['👩‍🚀', '👩‍🚀'],
])('%j is the name %j', (typed, kept) => {
  expect(nameSchema.parse(typed)).toBe(kept);
});

test.each([
  '',
  '   ',
  'a\nb',
  'a\u0000b',
  '\u202Emoc.live',
  'a\u2066b',
  'a\uD800',
  'a'.repeat(101),
])('%j is no name', (typed) => {
  expect(nameSchema.safeParse(typed).success).toBe(false);
});

test('a password keeps every character, whichever way it was composed', () => {
  expect(passwordSchema.parse('  pass\tword ')).toBe('  pass\tword ');
  expect(passwordSchema.parse('cafe\u0301')).toBe(passwordSchema.parse('caf\u00E9'));
  expect(passwordSchema.parse('a'.repeat(1024))).toHaveLength(1024);
});

test.each(['', 'a'.repeat(1025), 'a\0b', '\uD83D', 'a\uDE00b', 7])('%j is no password', (typed) => {
  expect(passwordSchema.safeParse(typed).success).toBe(false);
});

test('a password that is taken can be stored and compared faithfully', () => {
  fc.assert(
    fc.property(anyString, (typed) => {
      const parsed = passwordSchema.safeParse(typed);
      const isFaithful = typed !== '' && typed.isWellFormed() && !typed.includes('\0');
      expect(parsed.success).toBe(isFaithful);
      if (parsed.success) expect(parsed.data).toBe(typed.normalize('NFC'));
    }),
  );
});

test.each([
  {},
  { password },
  { email: 'a@b.example' },
  { email: 'a@b.example', username: 'ada', password },
  { email: 'a@b.example', password: [password] },
])('%j is no sign-in', (input) => {
  expect(loginInput.safeParse(input).success).toBe(false);
});

test('the absent and the cleared are told apart in an update', () => {
  expect(updateUserInput.parse({})).toEqual({});
  expect(updateUserInput.parse({ name: null, username: 'Ada' })).toEqual({
    name: null,
    username: 'ada',
  });
  expect(updateUserInput.safeParse({ name: '' }).success).toBe(false);
});

test.each([listAuditEventsInput, schemas.listUsersInput])(
  'a page has 50 rows by default',
  (list) => {
    expect(list.parse(undefined)).toEqual({ limit: 50 });
  },
);

test.each([
  { limit: 0 },
  { limit: 101 },
  { limit: 1.5 },
  { limit: '50' },
  { cursor: 'x' },
  { cursor: `${id}'--` },
])('a page is not asked for by %j', (input) => {
  expect(listAuditEventsInput.safeParse(input).success).toBe(false);
  expect(schemas.listUsersInput.safeParse(input).success).toBe(false);
});

test('only a declared role can be given or asked for', () => {
  expect(schemas.setRoleInput.parse({ userId: id, role: 'editor' }).role).toBe('editor');
  for (const role of ['owner', 'toString', '', 'Admin']) {
    expect(schemas.setRoleInput.safeParse({ userId: id, role }).success).toBe(false);
    expect(schemas.listUsersInput.safeParse({ role }).success).toBe(false);
    expect(schemas.newAccount.safeParse({ email: 'a@b.example', role }).success).toBe(false);
  }
});

test('what a user row has beyond the contract does not go out', () => {
  const user = {
    id,
    email: 'a@b.example',
    emailVerified: false,
    username: null,
    name: null,
    role: 'user',
    status: 'active',
    createdAt: '2026-01-01T00:00:00.000Z',
    updatedAt: '2026-01-01T00:00:00.000Z',
  } as const;
  const row = { ...user, passwordHash: 'p1:$2b$…', authorizationVersion: 3 };
  expect(schemas.user.parse(row)).toEqual(user);
});

test('a refused input is explained without its values', () => {
  const refusal = refusalOf(() =>
    readInput(schemas.newAccount, { email: 'hunter2', username: 'hunter2!', extra: 'hunter2' }),
  );
  expect(refusal.reason).toBe('invalid_input');
  expect(refusal.issues?.map(({ path, code }) => [path, code])).toEqual([
    [['email'], 'invalid_format'],
    [['username'], 'invalid_format'],
    [[], 'unrecognized_keys'],
  ]);
  expect(JSON.stringify(refusal.issues)).not.toContain('hunter2');
});

test('an input that is good is normalised', () => {
  expect(readInput(emailSchema, ' A@B.example')).toBe('a@b.example');
});

function refusalOf(work: () => unknown): LatchkeyError {
  try {
    work();
  } catch (error) {
    if (error instanceof LatchkeyError) return error;
  }
  throw new Error('Nothing was refused.');
}
