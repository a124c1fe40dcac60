import { getTRPCErrorFromUnknown, TRPCError, type AnyTRPCProcedure } from '@trpc/server';

/** What a procedure is called with. */
export interface ProcedureCall {
  readonly path: string;
  readonly type: 'query' | 'mutation';
  readonly ctx: unknown;
  readonly batchIndex: number;
  readonly getRawInput: () => Promise<unknown>;
  /** Its signal is made when it is read. */
  readonly request: { readonly signal: AbortSignal };
}

/** A middleware, or the resolver at the end, as tRPC's builder leaves them in a procedure. */
type Step = (options: StepOptions) => Promise<StepResult>;

type StepResult =
  | { readonly ok: true; readonly data: unknown }
  | { readonly ok: false; readonly error: TRPCError };

/** What a middleware hands on. */
interface Next {
  readonly ctx?: object;
  readonly input?: unknown;
  readonly getRawInput?: () => Promise<unknown>;
}

/** What changes from step to step. */
interface Current {
  readonly ctx: unknown;
  readonly input: unknown;
  readonly getRawInput: () => Promise<unknown>;
}

/** What stays the same from step to step. */
interface Run {
  readonly call: ProcedureCall;
  readonly meta: unknown;
}

interface Definition {
  readonly middlewares: readonly Step[];
  readonly meta?: unknown;
}

/**
 * Runs a procedure as tRPC does, one middleware after the other. tRPC's published build copies the
 * options of each step with a down-levelled object spread, which costs more than all that
 * Latchkey does in a call; here they are written down once for each step.
 */
export async function runProcedure(
  procedure: AnyTRPCProcedure,
  call: ProcedureCall,
): Promise<unknown> {
  const definition = procedure._def as unknown as Partial<Definition>; // Its type leaves the steps out.
  // Whatever tRPC's builder did not make as we know it, is run by itself.
  if (!Array.isArray(definition.middlewares) || 'caller' in definition) {
    const { request, ...options } = call;
    const run = procedure as unknown as (options: object) => Promise<unknown>;
    return run({ ...options, signal: request.signal });
  }
  const { middlewares, meta } = definition as Definition;
  const run: Run = { call, meta };

  async function runFrom(index: number, current: Current): Promise<StepResult> {
    try {
      const step = middlewares[index] as Step; // The last one is the resolver, which has no next.
      return await step(
        new StepOptions(run, current, (next) => {
          const { ctx, input, getRawInput } = current;
          return runFrom(index + 1, {
            ctx: next?.ctx ? { ...(ctx as object), ...next.ctx } : ctx,
            input: next && 'input' in next ? next.input : input,
            getRawInput: next?.getRawInput ?? getRawInput,
          });
        }),
      );
    } catch (cause) {
      return { ok: false, error: getTRPCErrorFromUnknown(cause) };
    }
  }

  const { ctx, getRawInput } = call;
  const result = (await runFrom(0, { ctx, input: undefined, getRawInput })) as
    | StepResult
    | undefined;
  if (!result) {
    throw new TRPCError({
      code: 'INTERNAL_SERVER_ERROR',
      message: 'No result from middlewares - did you forget to `return next()`?',
    });
  }
  if (!result.ok) throw result.error;
  return result.data;
}

/**
 * The same procedure, run as `runProcedure` does by whoever calls it: tRPC's adapters and callers in
 * a host's application. It is all that was built, its type and its definition.
 */
export function runsByItself<TProcedure extends AnyTRPCProcedure>(
  procedure: TProcedure,
): TProcedure {
  async function run(call?: TRPCCall): Promise<unknown> {
    // Called as a function of a client's, by mistake: tRPC explains it.
    if (!call || !('getRawInput' in call)) return (procedure as unknown as typeof run)(call);
    const { path, type, ctx, batchIndex, getRawInput } = call;
    return runProcedure(procedure, { path, type, ctx, batchIndex, getRawInput, request: call });
  }
  return Object.assign(run, procedure);
}

/** What tRPC calls a procedure with. */
type TRPCCall = Omit<ProcedureCall, 'request'> & ProcedureCall['request'];

/** What a step is handed. A class, because an object written with a getter has a hidden class of its own each time. */
class StepOptions {
  static readonly #signal: PropertyDescriptor & ThisType<StepOptions> = {
    enumerable: true,
    get() {
      return this.#request.signal;
    },
  };

  readonly path: string;
  readonly type: string;
  readonly batchIndex: number;
  readonly ctx: unknown;
  readonly input: unknown;
  readonly getRawInput: () => Promise<unknown>;
  readonly meta: unknown;
  readonly next: (next?: Next) => Promise<StepResult>;
  readonly #request: ProcedureCall['request'];

  constructor(
    { call: { path, type, batchIndex, request }, meta }: Run,
    { ctx, input, getRawInput }: Current,
    next: (next?: Next) => Promise<StepResult>,
  ) {
    this.path = path;
    this.type = type;
    this.batchIndex = batchIndex;
    this.ctx = ctx;
    this.input = input;
    this.getRawInput = getRawInput;
    this.meta = meta;
    this.next = next;
    this.#request = request;
    // Its own, so that whoever copies the options has it too.
    Object.defineProperty(this, 'signal', StepOptions.#signal);
  }
}
