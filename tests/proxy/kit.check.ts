import { expect, test } from 'vitest';
import { createApi } from '../contract/api.ts';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';

test('what the kit serves is behind nginx', async () => {
  await using t = await createTestLatchkey();
  const { url } = await t.serve();
  expect(url).toMatch(/^https:/);
  const { headers } = await createApi(url).send('/health/live');
  expect(headers.get('server')).toBe('nginx');
});
