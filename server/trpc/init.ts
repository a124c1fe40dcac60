import {
  initTRPC,
  type AnyTRPCProcedure,
  type TRPCProcedureBuilder,
  type TRPCUnsetMarker,
} from '@trpc/server';
import type { LatchkeyContext } from './context.ts';
import { formatError } from './error-formatter.ts';
import { runsByItself } from './run-procedure.ts';

/** Latchkey's own tRPC. A host application has its own and takes our procedures into it. */
const t = initTRPC.context<LatchkeyContext>().create({
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

/** A router of ours, whose procedures run themselves wherever a host mounts it. */
export const router: typeof t.router = (members) => {
  const own = Object.entries(members).map(([name, member]) => [
    name,
    isProcedure(member) ? runsByItself(member) : member,
  ]);
  return t.router(Object.fromEntries(own) as typeof members);
};

function isProcedure(member: unknown): member is AnyTRPCProcedure {
  return typeof member === 'function' && 'procedure' in member;
}
