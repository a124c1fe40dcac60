import {
  getTRPCErrorFromUnknown,
  getTRPCErrorShape,
  TRPCError,
  type AnyTRPCProcedure,
  type AnyTRPCRootTypes,
  type AnyTRPCRouter,
  type TRPCDataTransformer,
  type TRPCRootConfig,
} from '@trpc/server';
import { getHTTPStatusCode } from '@trpc/server/http';
import type { TRPCErrorShape, TRPCResponse } from '@trpc/server/rpc';
import { runProcedure, type ProcedureCall } from '../trpc/run-procedure.ts';
import type { AdmittedCall } from './edge.ts';

/** What went wrong, and where: without a path in the whole request. */
export interface FailedCall {
  readonly error: TRPCError;
  readonly path?: string | undefined;
  readonly ctx?: unknown;
}

/** What procedures are called with, beside their input. */
export interface CallOptions {
  readonly router: AnyTRPCRouter;
  readonly request: {
    readonly method: string;
    /** Aborts when the client goes away; made when it is read. */
    readonly signal: AbortSignal;
  };
  readonly createContext: () => unknown;
  /** Makes a call, for whoever wants to hear of it. */
  readonly around?:
    | ((path: string, call: () => Promise<CallResult>) => Promise<CallResult>)
    | undefined;
  readonly onError: (failure: FailedCall) => void;
}

/** JSON in full. */
export interface PlainAnswer {
  readonly status: number;
  readonly body: string;
}

/** What became of a call. */
export type CallResult = { readonly data: unknown } | { readonly error: TRPCError };

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
  return answerCalls(call, procedures, options);
}

function typeOf(method: string): 'query' | 'mutation' {
  return method === 'GET' ? 'query' : 'mutation';
}

function findProcedures(
  { paths }: AdmittedCall,
  { router, request }: CallOptions,
): AnyTRPCProcedure[] | null {
  const type = typeOf(request.method);
  const known = router._def.procedures as Readonly<Record<string, AnyTRPCProcedure>>; // As every router has them.
  const found: AnyTRPCProcedure[] = [];
  for (const path of paths) {
    const procedure = Object.hasOwn(known, path) ? known[path] : undefined;
    if (procedure?._def.type !== type) return null;
    found.push(procedure);
  }
  return found;
}

async function answerCalls(
  call: AdmittedCall,
  procedures: readonly AnyTRPCProcedure[],
  { router, request, createContext, around, onError }: CallOptions,
): Promise<PlainAnswer> {
  const { paths, isBatch } = call;
  const type = typeOf(request.method);
  // `any` in it stands for types that only a router's own code knows.
  const config = router._def._config as TRPCRootConfig<AnyTRPCRootTypes>;
  const inputs = createInputs(
    async () => (isBatch ? call.input : [await call.input]),
    paths.length,
    config.transformer.input,
  );
  const context = await settleContext(createContext);
  const ctx = 'data' in context ? context.data : undefined;

  async function callOne(procedure: AnyTRPCProcedure, batchIndex: number): Promise<CallResult> {
    const path = paths[batchIndex] ?? '';
    const getRawInput = async () => (await inputs.read())[batchIndex];
    let error: TRPCError;
    try {
      if ('data' in context) {
        const opts: ProcedureCall = { path, type, ctx, batchIndex, getRawInput, request };
        return { data: await runProcedure(procedure, opts) };
      }
      ({ error } = context);
    } catch (cause) {
      error = getTRPCErrorFromUnknown(cause);
    }
    onError({ error, path, ctx });
    return { error };
  }

  const settle = around
    ? (procedure: AnyTRPCProcedure, index: number) =>
        around(paths[index] ?? '', () => callOne(procedure, index))
    : callOne;

  function shapeOf(error: TRPCError, index?: number): TRPCErrorShape {
    const path = index === undefined ? undefined : paths[index];
    const read = index === undefined ? undefined : inputs.known()?.[index];
    // Whatever the router's formatter makes; its type is known to the client alone.
    return getTRPCErrorShape({ config, error, type, ctx, path, input: read }) as TRPCErrorShape;
  }

  function toResponse(outcome: CallResult, index?: number): TRPCResponse {
    return 'data' in outcome
      ? { result: { data: outcome.data } }
      : { error: shapeOf(outcome.error, index) };
  }

  /** As the transformer has it. */
  function transform(response: TRPCResponse): object {
    const { output } = config.transformer;
    if ('error' in response) return { error: output.serialize(response.error) as object };
    const { data } = response.result as { data?: unknown }; // Written by `toResponse`.
    return { result: { data: output.serialize(data) as unknown } };
  }

  function write(answered: TRPCResponse | TRPCResponse[], errors: (TRPCError | undefined)[]) {
    const written = Array.isArray(answered) ? answered.map(transform) : transform(answered);
    return { status: getHTTPStatusCode(answered, errors), body: JSON.stringify(written) };
  }

  try {
    const [single] = procedures;
    if (!isBatch && single) {
      const outcome = await settle(single, 0);
      if (isStream(outcome)) throw unsupportedStream();
      return write(toResponse(outcome, 0), [errorOf(outcome)]);
    }
    const outcomes = (await Promise.all(procedures.map(settle))).map((outcome) =>
      isStream(outcome) ? { error: unsupportedStream() } : outcome,
    );
    return write(outcomes.map(toResponse), outcomes.map(errorOf));
  } catch (cause) {
    // What cannot be written or formatted is an error of the whole request.
    const error = getTRPCErrorFromUnknown(cause);
    onError({ error, ctx });
    return write(toResponse({ error }), [error]);
  }
}

/** A context that is refused is the outcome of every call. */
async function settleContext(createContext: () => unknown): Promise<CallResult> {
  try {
    return { data: await createContext() };
  } catch (cause) {
    return { error: getTRPCErrorFromUnknown(cause) };
  }
}

function errorOf(outcome: CallResult): TRPCError | undefined {
  return 'error' in outcome ? outcome.error : undefined;
}

/** Inputs are read all at once, when the first procedure asks for its own: most never fail. */
function createInputs(
  readSent: () => Promise<unknown>,
  count: number,
  transformer: TRPCDataTransformer,
) {
  let values: readonly unknown[] | undefined;
  let reading: Promise<readonly unknown[]> | undefined;

  async function readAll(): Promise<readonly unknown[]> {
    try {
      const sent = await readSent();
      values = Array.from({ length: count }, (_, index): unknown => {
        const value = (sent as Readonly<Record<number, unknown>> | undefined)?.[index]; // Admitted as such.
        return value === undefined ? undefined : transformer.deserialize(value);
      });
      return values;
    } catch (cause) {
      throw toInputError(cause);
    }
  }

  return {
    known: () => values,
    /** @throws TRPCError when the transformer cannot read one of them */
    read: () => (reading ??= readAll()),
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
function isStream(outcome: CallResult): boolean {
  const data = 'data' in outcome ? outcome.data : undefined;
  if (!isObject(data)) return false;
  if (isAsyncIterable(data)) return true;
  for (const part of Object.values(data)) {
    if (isPromise(part) || isAsyncIterable(part)) return true;
  }
  return false;
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
