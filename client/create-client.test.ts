import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { createClient } from './index.ts';
import { createAuthServer, type TestRouter } from './testing/auth-server.ts';

const ada = { email: 'ada@example.com', password: 'password' };

test('names the option that is missing', () => {
  for (const url of ['', undefined, null]) {
    const options = { url } as { url: string };
    expect(() => createClient<TestRouter>(options)).toThrow(/createClient: `url`/);
  }
});

test('takes an address as a URL too', async () => {
  await using server = await createAuthServer();
  const client = createClient<TestRouter>({ url: new URL(server.url) });
  expect(await client.trpc.hello.query()).toBe('hello');
});

test('shows no token, however it is printed', async () => {
  await using server = await createAuthServer();
  server.addUser(ada.email);
  using client = createClient<TestRouter>({ url: server.url });
  await client.signIn(ada);
  const printed = [
    inspect(client, { depth: 20, showHidden: true, getters: true }),
    JSON.stringify(client),
    JSON.stringify(client.state.getSnapshot()),
  ];
  for (const text of printed) expect(text).not.toMatch(/access\.s|refresh\.s/);
});

test('works when its functions are taken apart', async () => {
  await using server = await createAuthServer();
  server.addUser(ada.email);
  const { signIn, signOut, refresh, state, close } = createClient<TestRouter>({ url: server.url });
  const { getSnapshot } = state;
  await signIn(ada);
  await refresh();
  expect(getSnapshot().status).toBe('signed-in');
  await signOut();
  expect(getSnapshot().status).toBe('signed-out');
  close();
});
