/** A host application as a stranger would write it: its own context, roles and router. */
import { createServer } from 'node:http';
import { initTRPC } from '@trpc/server';
import { createLatchkey, type LatchkeyContext } from 'latchkey/server';

interface Notes {
  notesOf(userId: string): string[];
}
const notes: Notes = { notesOf: (userId) => [`a note of ${userId}`] };

export const latchkey = await createLatchkey({
  database: ':memory:',
  secret: 'R0VK1yZ7c3QmJb9sW5xTnEoHd2LfAu8gPiNvXjM6kB4',
  bcryptCost: 4,
  production: false,
  roles: { editor: ['note:write'], reader: [] },
});

const t = initTRPC
  .context<LatchkeyContext & { notes: Notes }>()
  .create({ errorFormatter: latchkey.errorFormatter });
const authed = t.procedure.concat(latchkey.protectedProcedure);
const writer = t.procedure.concat(latchkey.requirePermission('note:write'));
// @ts-expect-error -- a permission that no role has
latchkey.requirePermission('note:wriet');

export const appRouter = t.router({
  ...latchkey.routers,
  notes: t.router({
    mine: authed.query(({ ctx }) => ({
      role: ctx.user.role,
      notes: ctx.notes.notesOf(ctx.user.id),
    })),
    write: writer.mutation(({ ctx }) => ctx.session.id),
  }),
});
export type AppRouter = typeof appRouter;

const handler = latchkey.nodeHandler({
  router: appRouter,
  createContext: (source) => ({ ...latchkey.createContext(source), notes }),
});

/** Listens on a free port. */
export function listen(): Promise<{ url: string; close: () => void }> {
  const server = createServer(handler);
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' ? address?.port : undefined;
      resolve({
        url: `http://127.0.0.1:${port}/trpc`,
        close: () => {
          server.closeAllConnections();
          server.close();
        },
      });
    });
  });
}
