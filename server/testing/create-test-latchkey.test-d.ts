import type { TRPCClientError } from '@trpc/client';
import { initTRPC } from '@trpc/server';
import { expectTypeOf, test } from 'vitest';
import type { Reason } from '../../shared/reasons.ts';
import type { User } from '../../shared/schemas.ts';
import type { LatchkeyContext } from '../trpc/context.ts';
import { createTestLatchkey } from './create-test-latchkey.ts';

interface Db {
  readonly posts: Map<string, Date>;
}
declare const db: Db;

async function startHost() {
  const kit = await createTestLatchkey({ roles: { editor: ['post:write'], reader: [] } });
  const t = initTRPC
    .context<LatchkeyContext & { readonly db: Db }>()
    .create({ errorFormatter: kit.latchkey.errorFormatter });
  const router = t.router({
    ...kit.latchkey.routers,
    posts: t.router({
      at: t.procedure
        .concat(kit.latchkey.requirePermission('post:write'))
        .query(({ ctx }) => ctx.db.posts.get(ctx.user.id) ?? null),
    }),
  });
  return { kit, router };
}
type Host = Awaited<ReturnType<typeof startHost>>;
declare const kit: Host['kit'];
declare const router: Host['router'];
const endpoint = {
  router,
  createContext: (source: Parameters<typeof kit.latchkey.createContext>[0]) => ({
    ...kit.latchkey.createContext(source),
    db,
  }),
};

test('without a router, callers and clients are those of Latchkey, with the roles declared', async () => {
  const caller = await kit.callerAs({ role: 'editor' });
  expectTypeOf(caller).not.toBeAny();
  expectTypeOf(caller.user.me()).resolves.toEqualTypeOf<
    User<'user' | 'admin' | 'editor' | 'reader'>
  >();
  const client = await kit.clientAs(null);
  expectTypeOf(client.user.me.query()).resolves.toEqualTypeOf<
    User<'user' | 'admin' | 'editor' | 'reader'>
  >();
  // @ts-expect-error -- no such role
  void kit.callerAs({ role: 'editr' });
  // @ts-expect-error -- no such procedure
  void client.posts;
});

test("with a router, they are that router's", async () => {
  const caller = await kit.callerAs({ role: 'editor' }, endpoint);
  expectTypeOf(caller).not.toBeAny();
  expectTypeOf(caller.posts.at()).resolves.toEqualTypeOf<Date | null>();
  const client = await kit.clientAs({ role: 'editor' }, endpoint);
  expectTypeOf(client).not.toBeAny();
  // Through JSON, as there is no transformer.
  expectTypeOf(client.posts.at.query()).resolves.toEqualTypeOf<string | null>();
  expectTypeOf<
    NonNullable<TRPCClientError<typeof router>['data']>['reason']
  >().toEqualTypeOf<Reason | null>();
  // @ts-expect-error -- no such procedure
  void caller.posts.yours;
  // @ts-expect-error -- no such procedure
  void client.posts.yours;
});

test("the router's whole context is wanted", () => {
  const { createContext } = kit.latchkey;
  expectTypeOf(kit.serve(endpoint)).resolves.toEqualTypeOf<{ readonly url: string }>();
  // @ts-expect-error -- `db` is missing
  void kit.callerAs(null, { router, createContext });
  // @ts-expect-error -- `db` is missing
  void kit.clientAs(null, { router, createContext });
  // @ts-expect-error -- `db` is missing
  void kit.serve({ router, createContext });
  // @ts-expect-error -- our part is missing
  void kit.callerAs(null, { router, createContext: () => ({ db }) });
});
