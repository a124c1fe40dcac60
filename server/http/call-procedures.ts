import {
  getTRPCErrorFromUnknown,
  getTRPCErrorShape,
  transformTRPCResponse,
  TRPCError,
  type AnyTRPCProcedure,
  type AnyTRPCRootTypes,
  type AnyTRPCRouter,
  type TRPCDataTransformer,
  type TRPCRootConfig,
} from '@trpc/server';
import { getHTTPStatusCode } from '@trpc/server/http';
import type { TRPCErrorShape, TRPCResponse } from '@trpc/server/rpc';
import type { AdmittedCall } from './edge.ts';

/** What procedures are called with, beside their input. */
export interface CallOptions {
  readonly router: AnyTRPCRouter;
  readonly method: string;
  readonly signal: AbortSignal;
  readonly createContext: () => unknown;
  readonly onError: (failure: { readonly error: TRPCError; readonly path?: string }) => void;
}

/** JSON in full. */
export interface PlainAnswer {
  readonly status: number;
  readonly body: string;
}

type Outcome = { readonly data: unknown } | { readonly error: TRPCError };

/**
 * Speaks tRPC's wire for what nearly every request is: procedures that exist, queries by GET or
 * mutations by POST, single or in a batch, answered with plain JSON. Status and body are those of
 * tRPC's own handler, without the web requests, responses and streams that it makes of each.
 *
 * @returns `null` before anything is done where the request is one for tRPC's own handler: another
 *   method, a procedure that is not there or not loaded yet, mixed types, a subscription
 */
export function callProcedures(
  call: AdmittedCall,
  options: CallOptions,
): Promise<PlainAnswer> | null {
  const procedures = findProcedures(call, options);
  if (!procedures || call.parameters.has('connectionParams')) return null;
  if (call.isBatch && call.input !== undefined && !isObject(call.input)) return null;
  return answerCalls(call, procedures, options);
}

function typeOf(method: string): 'query' | 'mutation' {
  return method === 'GET' ? 'query' : 'mutation';
}

function findProcedures(
  { paths }: AdmittedCall,
  { router, method }: CallOptions,
): AnyTRPCProcedure[] | null {
  const known = router._def.procedures as Readonly<Record<string, AnyTRPCProcedure>>; // As every router has them.
  const found: AnyTRPCProcedure[] = [];
  for (const path of paths) {
    const procedure = Object.hasOwn(known, path) ? known[path] : undefined;
    if (procedure?._def.type !== typeOf(method)) return null;
    found.push(procedure);
  }
  return found;
}

async function answerCalls(
  { paths, isBatch, input }: AdmittedCall,
  procedures: readonly AnyTRPCProcedure[],
  { router, method, signal, createContext, onError }: CallOptions,
): Promise<PlainAnswer> {
  const type = typeOf(method);
  // `any` in it stands for types that only a router's own code knows.
  const config = router._def._config as TRPCRootConfig<AnyTRPCRootTypes>;
  const inputs = createInputs(isBatch ? input : [input], paths.length, config.transformer.input);
  const context = await settle(createContext);
  const ctx = 'data' in context ? context.data : undefined;

  async function callOne(procedure: AnyTRPCProcedure, batchIndex: number): Promise<Outcome> {
    const path = paths[batchIndex] ?? '';
    const getRawInput = async () => inputs.read()[batchIndex];
    // A procedure is a function that takes these, which its type does not say.
    const run = procedure as unknown as (call: object) => Promise<unknown>;
    const outcome =
      'error' in context
        ? context
        : await settle(() => run({ path, getRawInput, ctx, type, signal, batchIndex }));
    if ('error' in outcome) onError({ error: outcome.error, path });
    return outcome;
  }

  function shapeOf(error: TRPCError, index?: number): TRPCErrorShape {
    const path = index === undefined ? undefined : paths[index];
    const read = index === undefined ? undefined : inputs.known()?.[index];
    // Whatever the router's formatter makes; its type is known to the client alone.
    return getTRPCErrorShape({ config, error, type, ctx, path, input: read }) as TRPCErrorShape;
  }

  function toResponse(outcome: Outcome, index: number): TRPCResponse {
    return 'data' in outcome
      ? { result: { data: outcome.data } }
      : { error: shapeOf(outcome.error, index) };
  }

  function write(answered: TRPCResponse | TRPCResponse[], errors: (TRPCError | undefined)[]) {
    const body = JSON.stringify(transformTRPCResponse(config, answered));
    return { status: getHTTPStatusCode(answered, errors), body };
  }

  try {
    const [single] = procedures;
    if (!isBatch && single) {
      const outcome = await callOne(single, 0);
      if (isStream(outcome)) throw unsupportedStream();
      return write(toResponse(outcome, 0), [errorOf(outcome)]);
    }
    const outcomes = (await Promise.all(procedures.map(callOne))).map((outcome) =>
      isStream(outcome) ? { error: unsupportedStream() } : outcome,
    );
    return write(outcomes.map(toResponse), outcomes.map(errorOf));
  } catch (cause) {
    // What cannot be written or formatted is an error of the whole request.
    const error = getTRPCErrorFromUnknown(cause);
    onError({ error });
    return write({ error: shapeOf(error) }, [error]);
  }
}

/** Runs it, and takes what it throws for a result as well. */
async function settle(work: () => unknown): Promise<Outcome> {
  try {
    return { data: await work() };
  } catch (cause) {
    return { error: getTRPCErrorFromUnknown(cause) };
  }
}

function errorOf(outcome: Outcome): TRPCError | undefined {
  return 'error' in outcome ? outcome.error : undefined;
}

/** Inputs are read all at once, when the first procedure asks for its own: most never fail. */
function createInputs(sent: unknown, count: number, transformer: TRPCDataTransformer) {
  let values: readonly unknown[] | undefined;
  let failure: TRPCError | undefined;
  return {
    known: () => values,
    /** @throws TRPCError when the transformer cannot read one of them */
    read(): readonly unknown[] {
      if (failure) throw failure;
      try {
        values ??= Array.from({ length: count }, (_, index): unknown => {
          const value = (sent as Readonly<Record<number, unknown>> | undefined)?.[index]; // Admitted as such.
          return value === undefined ? undefined : transformer.deserialize(value);
        });
        return values;
      } catch (cause) {
        failure = toInputError(cause);
        throw failure;
      }
    },
  };
}

function toInputError(cause: unknown): TRPCError {
  if (cause instanceof TRPCError) return cause;
  const message = cause instanceof Error ? cause.message : 'Invalid input';
  return new TRPCError({ code: 'BAD_REQUEST', message, cause });
}

function unsupportedStream(): TRPCError {
  return new TRPCError({
    code: 'UNSUPPORTED_MEDIA_TYPE',
    message: 'Cannot use stream-like response in non-streaming request - use httpBatchStreamLink',
  });
}

/** Whether a result, or a part of it, is still to come. */
function isStream(outcome: Outcome): boolean {
  const data = 'data' in outcome ? outcome.data : undefined;
  if (!isObject(data)) return false;
  return (
    isAsyncIterable(data) ||
    Object.values(data).some((part) => isPromise(part) || isAsyncIterable(part))
  );
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isAsyncIterable(value: unknown): boolean {
  return isObject(value) && Symbol.asyncIterator in value;
}

function isPromise(value: unknown): boolean {
  const { then, catch: or } = (value ?? {}) as Partial<Promise<unknown>>; // Looked at, not used.
  return typeof then === 'function' && typeof or === 'function';
}
