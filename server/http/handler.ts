import {
  getTRPCErrorFromUnknown,
  TRPCError,
  type AnyTRPCRouter,
  type inferRouterContext,
} from '@trpc/server';
import { getHTTPStatusCodeFromError, resolveResponse } from '@trpc/server/http';
import { TRPC_ERROR_CODES_BY_KEY } from '@trpc/server/rpc';
import { LatchkeyError } from '../../shared/latchkey-error.ts';
import { ConfigurationError } from '../config/configuration-error.ts';
import { describeError, type Logger } from '../logger.ts';
import type { Runtime } from '../runtime.ts';
import type { CallContext, ContextSource, LatchkeyContext } from '../trpc/context.ts';
import { formatError, isReported, toTRPCError } from '../trpc/error-formatter.ts';
import { answerJson, createAnswerHeaders, type Answer, type AnswerHeaders } from './answer.ts';
import { callProcedures } from './call-procedures.ts';
import { admitHead, admitInput, EdgeRefusal, type AdmittedCall, type EdgeRequest } from './edge.ts';
import { corsHeadersFor, preflightHeaders, securityHeaders } from './headers.ts';
import { createRequestLog } from './request-log.ts';
import type { Route } from './routes.ts';
import { createTurnstile } from './turnstile.ts';

/** What a request is, beside what the edge looks at. */
export interface IncomingCall extends EdgeRequest {
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
  /** Everything that a context is made from, except tRPC's own account of the call. */
  readonly source: Pick<ContextSource, 'req' | 'ip'>;
}

/** Where the tRPC endpoint is. */
export interface EndpointPath {
  /**
   * Path of the endpoint as clients see it, without a slash at its end; `/trpc` by default.
   * Where a framework mounts the handler below a path, that path is part of it.
   */
  readonly basePath?: string;
}

/** What answers at the tRPC endpoint: a router, and the context that it wants. */
export interface EndpointOptions<TRouter extends AnyTRPCRouter> extends EndpointPath {
  readonly router: TRouter;
  /** Makes your context; Latchkey's part is `...latchkey.createContext(source)`. */
  readonly createContext: (
    source: ContextSource,
  ) => ContextOf<TRouter> | Promise<ContextOf<TRouter>>;
}

/** TypeScript does not ask a router for the context of routers nested in it: ours has to be there. */
type ContextOf<TRouter extends AnyTRPCRouter> = inferRouterContext<TRouter> & LatchkeyContext;

export interface HandlerParts extends EndpointPath {
  readonly router: AnyTRPCRouter;
  readonly createContext: (source: ContextSource) => LatchkeyContext | Promise<LatchkeyContext>;
  readonly url: string;
  readonly allowedOrigins: ReadonlySet<string>;
  readonly routes: readonly Route[];
  /** Why a call to this procedure cannot be taken now, if there is no room for it. */
  readonly findShortage: (path: string) => LatchkeyError | null;
  readonly logger: Logger;
  readonly runtime: Runtime;
}

/**
 * Answers a request, or `null` for a path that is not ours.
 * The path is decided here once, on the target as it came.
 */
export type Handler = (call: IncomingCall) => Promise<Answer | null>;

/** @throws ConfigurationError when the endpoint's path is none */
export function createHandler(parts: HandlerParts): Handler {
  const { basePath = '/trpc', logger, runtime } = parts;
  if (!/^(\/[^/?#]+)+$/.test(basePath)) {
    throw new ConfigurationError([
      'basePath: not valid. Wanted: the path of the endpoint, such as /api/trpc, without a slash at its end.',
    ]);
  }
  const endpoint = `${basePath}/`;
  const always = securityHeaders(parts.url);
  const log = createRequestLog(logger, runtime);
  const nextTurn = createTurnstile(runtime);
  const turnedAway = new WeakMap<LatchkeyError, Answer>();

  async function answerCall(call: IncomingCall, admitted: AdmittedCall): Promise<Answer> {
    const { method, signal } = call;
    const headers = createAnswerHeaders();
    let latchkey: CallContext | undefined;
    const accept = acceptOf(call);
    const plainInfo = { accept, calls: admitted.paths.map((path) => ({ path })) };
    const options = {
      router: parts.router,
      async createContext({ info }: Required<Pick<ContextSource, 'info'>> = { info: plainInfo }) {
        const context = await parts.createContext({ ...call.source, res: headers, info });
        latchkey = context.latchkey;
        return context;
      },
      onError({ error, path }: { readonly error: TRPCError; readonly path?: string | undefined }) {
        if (error.code !== 'INTERNAL_SERVER_ERROR' || isReported(error)) return;
        const requestId = latchkey?.requestId;
        logger.error({ requestId, path, ...describeError(error.cause ?? error) }, 'call failed');
      },
    };
    const direct = accept === null && callProcedures(admitted, { ...options, method, signal });
    if (direct) {
      const { status, body } = await direct;
      complete(headers, plainHeaders);
      return { status, headers, body };
    }
    const response = await resolveResponse({
      ...options,
      path: admitted.path,
      req: toRequest(call, admitted),
      error: null,
    });
    // tRPC leaves the type out where it refuses a request before any call.
    if (response.headers.get('content-type')?.startsWith('text/plain')) {
      response.headers.set('content-type', 'application/json');
    }
    complete(headers, response.headers);
    const isWhole = isJson(response.headers) && !response.headers.has('transfer-encoding');
    const body = isWhole ? await response.text() : response.body;
    return { status: response.status, headers, body };
  }

  /** tRPC reads web requests; the origin in this one is ours, whatever `Host` says. */
  function toRequest(call: IncomingCall, { path, query, body }: AdmittedCall): Request {
    const headers = new Headers();
    for (const name of ['accept', 'content-type', 'trpc-accept', 'last-event-id']) {
      for (const value of call.headers(name)) headers.append(name, value);
    }
    const url = `${parts.url}${endpoint}${path}${query === '' ? '' : `?${query}`}`;
    return new Request(url, { method: call.method, headers, body, signal: call.signal });
  }

  /** Answers what went wrong outside of any call: at the edge, or in a route. */
  function refuse(error: TRPCError): Answer {
    const requestId = runtime.newId();
    const { code, message } = error;
    const { data, ...shape } = formatError({
      error,
      shape: {
        message,
        code: TRPC_ERROR_CODES_BY_KEY[code],
        data: { code, httpStatus: getHTTPStatusCodeFromError(error) },
      },
      ctx: { latchkey: { requestId } },
    });
    if (data.reason === 'internal') {
      logger.error({ requestId, ...describeError(error.cause) }, 'request failed');
    }
    return answerJson(
      { error: { ...shape, data } },
      {
        status: data.httpStatus,
        headers: data.retryAfter === undefined ? {} : { 'retry-after': String(data.retryAfter) },
      },
    );
  }

  /** In a flood, an error with its stack would cost more than all else of a refusal. */
  function turnAway(shortage: LatchkeyError): Answer {
    const made = turnedAway.get(shortage) ?? refuse(toTRPCError(shortage));
    turnedAway.set(shortage, made);
    return { ...made, headers: createAnswerHeaders(made.headers.values) };
  }

  async function answer(call: IncomingCall): Promise<Answer | null> {
    const { target, method } = call;
    const isTrpc = target.startsWith(endpoint);
    const pathname = target.split('?', 1)[0];
    const route = isTrpc ? undefined : parts.routes.find(({ path }) => path === pathname);
    if (!isTrpc && !route) return null;
    if (method === 'OPTIONS') {
      return {
        status: 204,
        headers: createAnswerHeaders(Object.entries(preflightHeaders)),
        body: null,
      };
    }
    if (isTrpc) {
      const { pathSeparator } = parts.router._def._config;
      const head = admitHead(call, target.slice(endpoint.length), pathSeparator);
      const shortage = head.paths.length === 1 ? parts.findShortage(head.path) : null;
      if (shortage) {
        await nextTurn();
        return turnAway(shortage);
      }
      return answerCall(call, await admitInput(call, head));
    }
    if (method !== 'GET' && method !== 'HEAD') throw new EdgeRefusal('METHOD_NOT_SUPPORTED');
    return (await route?.answer()) ?? null;
  }

  return async (call) => {
    const startedAt = runtime.now();
    let answered: Answer | null;
    try {
      answered = await answer(call);
    } catch (error) {
      // A client that went away is not there to be answered.
      if (call.signal.aborted) throw error;
      answered = refuse(toError(error));
      // What is left of a body is not read: the connection cannot be used again.
      if (error instanceof EdgeRefusal) answered.headers.setHeader('connection', 'close');
    }
    if (!answered) return null;
    const { headers, status } = answered;
    complete(headers, always);
    if (headers.values.get('content-type') === 'application/json') {
      headers.setHeader('content-type', 'application/json; charset=utf-8');
    }
    for (const [name, value] of corsHeadersFor(call.headers('origin'), parts.allowedOrigins)) {
      headers.appendHeader(name, value);
    }
    const { method, target } = call;
    const path = target.split('?', 1)[0]?.slice(0, 128);
    const ms = Math.round(runtime.now() - startedAt);
    log({ method, path, status, ms });
    return answered;
  };
}

/** What tRPC sends with plain JSON. */
const plainHeaders = [
  ['vary', 'trpc-accept, accept'],
  ['content-type', 'application/json'],
] as const;

/** What an answer says itself stays. */
function complete(
  headers: AnswerHeaders,
  defaults: Iterable<readonly [name: string, value: string]>,
): void {
  for (const [name, value] of defaults) {
    if (!headers.values.has(name)) headers.setHeader(name, value);
  }
}

/** What tRPC's clients ask for beside plain JSON: lines as they come. */
function acceptOf(call: IncomingCall): string | null {
  const [asked] = call.headers('trpc-accept');
  if (asked !== undefined) return asked;
  const accepted = call.headers('accept').flatMap((value) => value.split(','));
  return accepted.some((type) => type.trim() === 'application/jsonl') ? 'application/jsonl' : null;
}

function isJson(headers: Headers): boolean {
  return headers.get('content-type')?.startsWith('application/json') ?? false;
}

function toError(thrown: unknown): TRPCError {
  if (thrown instanceof EdgeRefusal) {
    return new TRPCError({ code: thrown.code, message: thrown.message });
  }
  return thrown instanceof LatchkeyError ? toTRPCError(thrown) : getTRPCErrorFromUnknown(thrown);
}
