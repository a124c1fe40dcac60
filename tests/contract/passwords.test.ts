import { expect, test } from 'vitest';
import { createTestLatchkey } from '../../server/testing/index.ts';
import { createApi, login, register } from './api.ts';

test('a password does not age', async () => {
  await using t = await createTestLatchkey();
  const api = createApi((await t.serve()).url);
  const { user } = await register(api);
  t.clock.advance(10 * 365 * 86_400);
  expect((await login(api, user.email)).user.id).toBe(user.id);
});
