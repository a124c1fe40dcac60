/**
 * The file that many applications have: it exports what tRPC and Latchkey were set up with. With
 * `declaration: true`, as in a monorepo, all of it has to have a type that can be named.
 */
import { initTRPC } from '@trpc/server';
import { createClient } from 'latchkey/client';
import { createLatchkey, type LatchkeyContext } from 'latchkey/server';
import { createTestLatchkey } from 'latchkey/testing';

export const latchkey = await createLatchkey({
  database: ':memory:',
  roles: { editor: ['post:write'] },
  claims: (user) => ({ plan: user.role === 'editor' ? 'paid' : 'free' }),
});

export const t = initTRPC
  .context<LatchkeyContext>()
  .create({ errorFormatter: latchkey.errorFormatter });
export const { createContext, errorFormatter, protectedProcedure, requireRole } = latchkey;
export const authed = t.procedure.concat(protectedProcedure);
export const writer = t.procedure.concat(latchkey.requirePermission('post:write'));

export const appRouter = t.router({
  ...latchkey.routers,
  where: authed.query(({ ctx }) => ctx.latchkey.origin),
  who: writer.query(({ ctx }) => ({ ...ctx.user, ...ctx.session, ...ctx.claims })),
});

export const nodeHandler = latchkey.nodeHandler({ router: appRouter, createContext });
export const caller = appRouter.createCaller(createContext({ req: { headers: {} } }));
export const client = createClient<typeof appRouter>({ url: 'http://localhost:4000/trpc' });
export const kit = createTestLatchkey({ roles: { editor: ['post:write'] } });

// oxlint-disable-next-line explicit-module-boundary-types -- an inferred type is what is tested
export function listEvents() {
  return caller.admin.listAuditEvents();
}
