import { expect, test } from 'vitest';
import { expectToCompile, startExample } from './start-example.ts';

test('express: REST routes know who calls, and Latchkey is beside them', async () => {
  await using example = await startExample('express');
  async function get(path: string, accessToken?: string) {
    const headers = accessToken === undefined ? {} : { authorization: `Bearer ${accessToken}` };
    const response = await fetch(`${example.url}${path}`, { headers });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }
  const registered = await fetch(`${example.url}/trpc/auth.register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'ada@example.com', password: 'correct horse battery' }),
  });
  const answer = (await registered.json()) as { result: { data: { accessToken: string } } };
  const { accessToken } = answer.result.data;

  expect(await get('/api/version')).toEqual({ status: 200, body: { version: 1 } });
  expect(await get('/api/profile')).toMatchObject({
    status: 401,
    body: { reason: 'token_missing' },
  });
  expect(await get('/api/profile', accessToken)).toMatchObject({
    status: 200,
    body: { email: 'ada@example.com' },
  });
  const reports = await get('/api/reports/today', accessToken);
  expect(reports).toMatchObject({ status: 403, body: { reason: 'forbidden' } });
  expect(await get('/health/ready')).toEqual({ status: 200, body: { status: 'ok' } });
  await expectToCompile(example);
  await example.stop();
});
