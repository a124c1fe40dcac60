/** A host application as its developers write it: a database, roles, claims, a transformer and a formatter of its own. */
import { initTRPC, TRPCError } from '@trpc/server';
import type { createLatchkey, LatchkeyContext, User } from 'latchkey/server';
import superjson from 'superjson';
import { z } from 'zod';

export const roles = { editor: ['post:write', 'post:read'], reader: ['post:read'] } as const;
type HostRole = 'user' | 'admin' | keyof typeof roles;

type HostClaims = { readonly plan: 'free' | 'paid'; readonly teams: readonly string[] };

export function claimsOf(user: User<HostRole>): HostClaims {
  return { plan: user.role === 'user' ? 'free' : 'paid', teams: [`${user.role}s`] };
}

/** What the host's `createLatchkey({ roles, claims: claimsOf })` resolves to. */
export type HostLatchkey = Awaited<
  ReturnType<typeof createLatchkey<typeof roles, ReturnType<typeof claimsOf>>>
>;

export interface Post {
  readonly title: string;
  readonly authorId: string;
  readonly writtenAt: Date;
}
export interface Db {
  readonly posts: Post[];
}
export type HostContext = LatchkeyContext & { readonly db: Db };

/** The application's router, and the context that it wants. */
// oxlint-disable-next-line explicit-module-boundary-types -- a router's type is inferred
export function createHostApplication(latchkey: HostLatchkey, db: Db = { posts: [] }) {
  const t = initTRPC.context<HostContext>().create({
    transformer: superjson,
    errorFormatter(options) {
      const shape = latchkey.errorFormatter(options);
      return { ...shape, data: { ...shape.data, service: 'posts' as const } };
    },
  });
  const signedIn = t.procedure.concat(latchkey.protectedProcedure);
  const writer = t.procedure.concat(latchkey.requirePermission('post:write'));

  const router = t.router({
    ...latchkey.routers,
    account: t.router(latchkey.routers),
    posts: t.router({
      count: t.procedure.query(({ ctx }) => ctx.db.posts.length),
      mine: signedIn.query(({ ctx }) =>
        ctx.db.posts.filter(({ authorId }) => authorId === ctx.user.id),
      ),
      read: t.procedure
        .concat(latchkey.requirePermission('post:read'))
        .query(({ ctx }) => ctx.db.posts),
      write: writer
        .input(z.object({ title: z.string().min(1), writtenAt: z.date() }))
        .mutation(({ ctx, input }) => {
          if (ctx.db.posts.some(({ title }) => title === input.title)) {
            const cause = new Error('UNIQUE constraint failed: posts.title');
            throw new TRPCError({ code: 'BAD_REQUEST', message: 'Choose another title.', cause });
          }
          const post: Post = { ...input, authorId: ctx.user.id };
          ctx.db.posts.push(post);
          return post;
        }),
      review: t.procedure
        .concat(latchkey.requireRole('editor', 'reader'))
        .query(({ ctx }) => ctx.user.role),
      purge: t.procedure.concat(latchkey.adminProcedure).mutation(({ ctx }) => {
        ctx.db.posts.length = 0;
      }),
      whoAmI: signedIn.query(({ ctx }) => ({
        user: ctx.user,
        session: ctx.session,
        claims: ctx.claims,
      })),
      fail: signedIn.concat(latchkey.requireRole('user')).query((): string => {
        throw new Error('The password of the database is hunter2.');
      }),
    }),
  });
  return {
    router,
    createContext: (source: Parameters<HostLatchkey['createContext']>[0]): HostContext => ({
      ...latchkey.createContext(source),
      db,
    }),
  };
}

export type HostRouter = ReturnType<typeof createHostApplication>['router'];
