import { randomUUID } from 'node:crypto';
import { initTRPC, TRPCError } from '@trpc/server';
import type { ContextSource, LatchkeyContext } from 'latchkey/server';
import { z } from 'zod';
import type { AppLatchkey } from './auth.ts';

export interface Post {
  readonly id: string;
  readonly title: string;
  readonly authorId: string;
  readonly company: string;
}

/** The context of every call: Latchkey's part, and your own. */
type Context = LatchkeyContext & { readonly posts: Map<string, Post> };

/** Your application, on whichever Latchkey: that of the server, or that of a test. */
export function createApp(latchkey: AppLatchkey) {
  // Stands for your database.
  const posts = new Map<string, Post>();

  const t = initTRPC.context<Context>().create({
    errorFormatter(options) {
      const shape = latchkey.errorFormatter(options);
      return { ...shape, data: { ...shape.data, help: 'https://example.com/help' } };
    },
  });
  const anybody = t.procedure;
  const signedIn = t.procedure.concat(latchkey.protectedProcedure);
  const writer = t.procedure.concat(latchkey.requirePermission('post:write'));
  const admin = t.procedure.concat(latchkey.adminProcedure);

  const router = t.router({
    ...latchkey.routers, // auth, user, session, admin
    posts: t.router({
      count: anybody.query(({ ctx }) => ctx.posts.size),

      /** Those of colleagues: who is one stands in the token. */
      list: signedIn.query(({ ctx }) =>
        [...ctx.posts.values()].filter(({ company }) => company === ctx.claims.company),
      ),

      write: writer
        .input(z.strictObject({ title: z.string().trim().min(1).max(100) }))
        .mutation(({ ctx, input }) => {
          const { company } = ctx.claims;
          const post: Post = { id: randomUUID(), ...input, authorId: ctx.user.id, company };
          ctx.posts.set(post.id, post);
          return post;
        }),

      remove: admin.input(z.strictObject({ id: z.uuid() })).mutation(({ ctx, input }) => {
        const removed = ctx.posts.delete(input.id);
        if (!removed) throw new TRPCError({ code: 'NOT_FOUND', message: 'There is no such post.' });
      }),
    }),
  });

  return {
    router,
    createContext: (source: ContextSource): Context => ({
      ...latchkey.createContext(source),
      posts,
    }),
  };
}

/** What your client is typed by: `createClient<AppRouter>({ url })`. */
export type AppRouter = ReturnType<typeof createApp>['router'];
