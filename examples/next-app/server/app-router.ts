import { initTRPC } from '@trpc/server';
import type { LatchkeyContext } from 'latchkey/server';
import { z } from 'zod';
import { latchkey } from './latchkey.ts';

interface Note {
  readonly id: number;
  readonly text: string;
}

/** Stands for your database: the notes of each user. */
const place = globalThis as { notes?: Map<string, Note[]> };
const notes = (place.notes ??= new Map());

const t = initTRPC.context<LatchkeyContext>().create({ errorFormatter: latchkey.errorFormatter });
const signedIn = t.procedure.concat(latchkey.protectedProcedure);

export const appRouter = t.router({
  ...latchkey.routers, // auth, user, session, admin
  notes: t.router({
    list: signedIn.query(({ ctx }): readonly Note[] => notes.get(ctx.user.id) ?? []),

    add: signedIn
      .input(z.strictObject({ text: z.string().trim().min(1).max(200) }))
      .mutation(({ ctx, input }) => {
        const mine = notes.get(ctx.user.id) ?? [];
        notes.set(ctx.user.id, [...mine, { id: mine.length + 1, ...input }]);
      }),
  }),
});

/** What the client is typed by. */
export type AppRouter = typeof appRouter;
