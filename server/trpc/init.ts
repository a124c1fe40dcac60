import { initTRPC, type TRPCProcedureBuilder, type TRPCUnsetMarker } from '@trpc/server';
import type { LatchkeyContext } from './context.ts';
import { formatError } from './error-formatter.ts';

/** Latchkey's own tRPC. A host application has its own and takes our procedures into it. */
export const t = initTRPC.context<LatchkeyContext>().create({
  isDev: false,
  errorFormatter: formatError,
});

/**
 * What every procedure begins with. It says nothing of the shape of errors, because that is what
 * the formatter of the router makes it in which the procedure ends up.
 */
export const procedure: TRPCProcedureBuilder<
  LatchkeyContext,
  object,
  object,
  TRPCUnsetMarker,
  TRPCUnsetMarker,
  TRPCUnsetMarker,
  TRPCUnsetMarker,
  false
> = t.procedure;
