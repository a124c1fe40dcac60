import { initTRPC } from '@trpc/server';
import type { BuiltInRole, Latchkey, LatchkeyContext } from '../../../server/index.ts';

/** What the server has seen, for tests to count. */
export interface Seen {
  /** Paths of the calls, in the order in which their requests came. */
  readonly calls: string[];
  /** Who has written what. */
  readonly notes: { readonly by: string; readonly text: string }[];
}

// oxlint-disable-next-line explicit-module-boundary-types -- a router's type is inferred
export function createRouter(
  latchkey: Latchkey<BuiltInRole, never, Record<never, never>>,
  seen: Seen,
  gate: { wait: Promise<void> },
) {
  const t = initTRPC.context<LatchkeyContext>().create({ errorFormatter: latchkey.errorFormatter });
  const signedIn = t.procedure.concat(latchkey.protectedProcedure);
  return t.router({
    ...latchkey.routers,
    /** What anybody may ask for, and what depends on who asks. */
    greeting: t.procedure.query(({ ctx }) =>
      ctx.latchkey.authorization === null ? 'Hello, whoever' : 'Hello, somebody',
    ),
    item: signedIn
      .input((value: unknown) => Number(value))
      .query(({ ctx, input }) => `${input} of ${ctx.user.email}`),
    /** Answers once the test opens the gate. */
    late: signedIn.query(async ({ ctx }) => {
      const answer = `late of ${ctx.user.email}`;
      await gate.wait;
      return answer;
    }),
    note: signedIn
      .input((value: unknown) => String(value))
      .mutation(({ ctx, input }) => {
        seen.notes.push({ by: ctx.user.email, text: input });
        return `${input} by ${ctx.user.email}`;
      }),
    forbidden: t.procedure.concat(latchkey.adminProcedure).query(() => 'for admins'),
  });
}

export type HostRouter = ReturnType<typeof createRouter>;
