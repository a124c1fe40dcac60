import { initTRPC, TRPCError } from '@trpc/server';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { runsByItself } from './run-procedure.ts';

const t = initTRPC.context<{ readonly host: string }>().create();

const built = t.procedure
  .use(({ ctx, path, type, next }) => next({ ctx: { met: `${ctx.host} ${type} ${path}` } }))
  .input(z.strictObject({ a: z.int() }))
  .query(({ ctx, input }) => {
    if (input.a === 0) throw new TRPCError({ code: 'CONFLICT', message: 'Taken.' });
    return { ...ctx, ...input };
  });

/** What comes of a call by a caller of a host's: a result, or an error's code and words. */
async function outcomeOf(procedure: typeof built, input: unknown): Promise<unknown> {
  const caller = t.router({ nested: t.router({ it: procedure }) }).createCaller({ host: 'h' });
  try {
    return await caller.nested.it(input as { a: number });
  } catch (error) {
    if (!(error instanceof TRPCError)) throw error;
    return { code: error.code, message: error.message, cause: error.cause?.name };
  }
}

test.each([{ a: 1 }, { a: 0 }, { a: 1.5 }, { b: 1 }, undefined])(
  'called with %j, a procedure that runs itself answers as one that tRPC runs',
  async (input) => {
    const own = await outcomeOf(runsByItself(built), input);
    expect(own).toEqual(await outcomeOf(built, input));
    expect(own).toMatchObject(
      input?.a === 1 ? { a: 1, host: 'h', met: 'h query nested.it' } : { message: /\w/ },
    );
  },
);

test('whoever calls it as a function of a client’s is told what it is', async () => {
  const call = runsByItself(built) as unknown as () => Promise<unknown>;
  const original = built as unknown as () => Promise<unknown>;
  const [own, theirs] = await Promise.allSettled([call(), original()]);
  expect(own).toEqual(theirs);
  expect(own).toMatchObject({ status: 'rejected', reason: { message: /server-side-calls/ } });
});
