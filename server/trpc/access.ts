import type { AnyTRPCProcedure } from '@trpc/server';

/** Whom a middleware of ours lets through; an admin always is. */
export interface Access {
  readonly signedIn: boolean;
  readonly roles?: readonly string[];
  readonly permission?: string;
}

const mark = Symbol('latchkey.access');

interface Built {
  readonly _def: { readonly middlewares: readonly object[] };
}

/**
 * Notes on the last middleware of a builder whom it lets through. The middleware goes along
 * wherever a host concatenates it, so what it says is true of the procedure it ends up in.
 */
export function withAccess<TBuilder extends Built>(builder: TBuilder, access: Access): TBuilder {
  Object.assign(builder._def.middlewares.at(-1) ?? {}, { [mark]: access });
  return builder;
}

/** What our middlewares in a procedure ask for, in order; none where it is built without us. */
export function listAccess(procedure: AnyTRPCProcedure): readonly Access[] {
  const { middlewares = [] } = procedure._def as Partial<Built['_def']>; // Its type leaves them out.
  return middlewares.flatMap((step) => (mark in step ? [step[mark] as Access] : []));
}
