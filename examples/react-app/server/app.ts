import { initTRPC } from '@trpc/server';
import { createLatchkey, type LatchkeyContext } from 'latchkey/server';

const port = Number(process.env['PORT'] ?? 4000);
export const url = `http://localhost:${port}`;

export const latchkey = await createLatchkey({
  // Every start is a first one. Yours is a file, such as `file:./data/app.db`.
  database: ':memory:',
  url,
  roles: { editor: ['post:write'] },
});

const t = initTRPC.context<LatchkeyContext>().create({ errorFormatter: latchkey.errorFormatter });
const signedIn = t.procedure.concat(latchkey.protectedProcedure);
const editor = t.procedure.concat(latchkey.requireRole('editor'));

export const appRouter = t.router({
  ...latchkey.routers, // auth, user, session, admin
  greeting: signedIn.query(({ ctx }) => `Good to see you, ${ctx.user.name ?? ctx.user.email}.`),
  drafts: editor.query(() => ['A draft that editors alone may read']),
});

/** What the client is typed by. */
export type AppRouter = typeof appRouter;
