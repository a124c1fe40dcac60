import { expect, test } from 'vitest';
import { expectToCompile, runIn, startExample } from './start-example.ts';

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

async function post(url: string, input: unknown, token?: string): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(input),
  });
  return { status: response.status, body: await response.json() };
}

function signedInOf({ status, body }: Answer): string {
  expect(status).toBe(200);
  return (body as { result: { data: { accessToken: string } } }).result.data.accessToken;
}

test('mounted: an editor writes, a reader reads and is refused with the host’s own words', async () => {
  await using example = await startExample('mounted');
  const trpc = `${example.url}/trpc`;
  const email = 'ada@example.com';
  const ada = signedInOf(
    await post(`${trpc}/auth.register`, { email, password: 'correct horse battery' }),
  );
  const password = /password (\S+)/.exec(example.output())?.[1];
  const editor = signedInOf(
    await post(`${trpc}/auth.login`, { email: 'grace@example.com', password }),
  );

  expect(await post(`${trpc}/posts.write`, { title: 'Hello' }, ada)).toMatchObject({
    status: 403,
    body: { error: { data: { reason: 'forbidden', help: 'https://example.com/help' } } },
  });
  const written = await post(`${trpc}/posts.write`, { title: 'Hello' }, editor);
  expect(written).toMatchObject({ status: 200, body: { result: { data: { title: 'Hello' } } } });
  const headers = { authorization: `Bearer ${ada}` };
  const list = await fetch(`${trpc}/posts.list`, { headers });
  expect(await list.json()).toEqual({
    result: { data: [(written.body as { result: { data: unknown } }).result.data] },
  });

  await expectToCompile(example);
  const tested = await runIn(example.folder, 'npm test');
  expect(tested.output).toContain('pass 4');
  expect(tested.code).toBe(0);
  await example.stop();
});
