import { afterEach, expect, test, vi } from 'vitest';
import { createTestLatchkey } from './testing/create-test-latchkey.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

test('the secret of the environment counts where none is given', async () => {
  vi.stubEnv('LATCHKEY_SECRET', 'too short');
  await expect(createTestLatchkey()).rejects.toThrow('LATCHKEY_SECRET');
});

test('an empty one is one that is not set', async () => {
  vi.stubEnv('LATCHKEY_SECRET', '');
  await using t = await createTestLatchkey();
  expect(t.composition.created.secretPath).toBeNull();
});

test('in production a secret has to be given', async () => {
  vi.stubEnv('LATCHKEY_SECRET', undefined);
  const production = {
    production: true,
    rateLimits: true,
    bcryptCost: 10,
    url: 'https://a.example',
  };
  await expect(createTestLatchkey(production)).rejects.toThrow('LATCHKEY_SECRET: not set');
});

test.each(['Editor', 'post editor', '', '9', 'x'.repeat(33), '__proto__'])(
  'a role is not named %j',
  async (role) => {
    const roles = Object.fromEntries([[role, ['post:write']]]);
    await expect(createTestLatchkey({ roles })).rejects.toThrow('roles: a name is not valid');
  },
);
