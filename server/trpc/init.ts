import { initTRPC } from '@trpc/server';
import type { LatchkeyContext } from './context.ts';
import { formatError } from './error-formatter.ts';

/** Latchkey's own tRPC. A host application has its own and takes our procedures into it. */
export const t = initTRPC.context<LatchkeyContext>().create({
  isDev: false,
  errorFormatter: formatError,
});
