import { initTRPC } from '@trpc/server';
import { expect, test } from 'vitest';
import type { ContextSource, LatchkeyContext } from '../trpc/context.ts';
import { createTestLatchkey, testPassword } from './create-test-latchkey.ts';

const roles = { editor: ['post:write'] } as const;
interface HostContext extends LatchkeyContext {
  readonly call: number;
  readonly source: ContextSource;
}

/** A host's router whose context says how often it was made, and from what. */
async function startHost(pathSeparator: '.' | '~' = '.') {
  const kit = await createTestLatchkey({ roles });
  const { latchkey } = kit;
  const t = initTRPC.context<HostContext>().create({
    pathSeparator,
    errorFormatter: latchkey.errorFormatter,
    transformer: {
      serialize: (value: unknown) => ({ wrapped: value }),
      deserialize: (value: { wrapped: unknown }) => value.wrapped,
    },
  });
  let made = 0;
  const router = t.router({
    ...latchkey.routers,
    inspect: t.procedure.query(({ ctx }) => ({ call: ctx.call, headers: ctx.source.req.headers })),
    write: t.procedure
      .concat(latchkey.requirePermission('post:write'))
      .mutation(({ ctx }) => ({ call: ctx.call, role: ctx.user.role })),
  });
  const endpoint = {
    router,
    createContext: async (source: ContextSource): Promise<HostContext> => {
      made += 1;
      return { ...latchkey.createContext(source), call: made, source };
    },
  };
  return { kit, endpoint, [Symbol.asyncDispose]: kit.close };
}

test("a caller gets the host's context from the request's headers, anew for each call", async () => {
  await using host = await startHost();
  const editor = await host.kit.callerAs({ role: 'editor' }, host.endpoint);
  expect(await editor.write()).toEqual({ call: 1, role: 'editor' });
  expect(await editor.write()).toEqual({ call: 2, role: 'editor' });
  const { headers } = await editor.inspect();
  expect(headers).toEqual({ authorization: expect.stringMatching(/^Bearer ey/) as string });

  const stranger = await host.kit.callerAs(null, host.endpoint);
  expect(await stranger.inspect()).toEqual({ call: 4, headers: {} });
});

test.each(['.', '~'] as const)(
  "a client speaks the host's transformer and path separator %s",
  async (separator) => {
    await using host = await startHost(separator);
    const editor = await host.kit.clientAs({ role: 'editor' }, host.endpoint);
    const [first, second] = await Promise.all([editor.write.mutate(), editor.write.mutate()]);
    expect([first, second]).toEqual([
      { call: 1, role: 'editor' },
      { call: 1, role: 'editor' },
    ]);
    const stranger = await host.kit.clientAs(null, host.endpoint);
    const account = { email: 'ada@example.com', password: testPassword };
    const registered = await stranger.auth.register.mutate(account);
    expect((await stranger.auth.login.mutate(account)).user).toEqual(registered.user);
    await expect(stranger.write.mutate()).rejects.toMatchObject({
      data: { reason: 'token_missing', path: 'write' },
    });
  },
);

test('serves the host over a socket', async () => {
  await using host = await startHost();
  const { url } = await host.kit.serve(host.endpoint);
  const { accessToken } = await host.kit.signInAs({ role: 'editor' });
  const answer = await fetch(`${url}/trpc/write`, {
    method: 'POST',
    headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
  });
  expect(await answer.json()).toEqual({
    result: { data: { wrapped: { call: 1, role: 'editor' } } },
  });
});

test('a caller stops where a session does', async () => {
  await using host = await startHost();
  const admin = await host.kit.callerAs({ role: 'admin' });
  const editor = await host.kit.callerAs({ role: 'editor' }, host.endpoint);
  const { id } = await editor.user.me();
  await admin.admin.setRole({ userId: id, role: 'user' });
  await expect(editor.write()).rejects.toMatchObject({ cause: { reason: 'token_stale' } });
  await admin.admin.disableUser({ userId: id });
  await expect(editor.write()).rejects.toMatchObject({ cause: { reason: 'session_revoked' } });
});

test('a token runs out when the clock is turned', async () => {
  await using t = await createTestLatchkey();
  const user = await t.callerAs({});
  t.clock.advance(899);
  expect(await user.user.me()).toMatchObject({ role: 'user' });
  t.clock.advance(1);
  await expect(user.user.me()).rejects.toMatchObject({ cause: { reason: 'token_expired' } });
});

test('the same address is the same user, and another role for it is a mistake of the test', async () => {
  await using t = await createTestLatchkey({ roles });
  const first = await t.signInAs({ email: 'ada@example.com', role: 'editor' });
  const second = await t.signInAs({ email: 'ada@example.com' });
  expect(second.user).toEqual(first.user);
  expect(second.refreshToken).not.toBe(first.refreshToken);
  await expect(t.signInAs({ email: 'ada@example.com', role: 'admin' })).rejects.toThrow(
    'ada@example.com exists already, and its role is editor.',
  );
});

test('a user of the kit signs in with its password, and a refresh token of the kit refreshes', async () => {
  await using t = await createTestLatchkey();
  const { user, refreshToken } = await t.signInAs();
  const client = await t.clientAs(null);
  const signedIn = await client.auth.login.mutate({ email: user.email, password: testPassword });
  expect(signedIn.user).toEqual(user);
  expect((await client.auth.refresh.mutate({ refreshToken })).user).toEqual(user);
});
