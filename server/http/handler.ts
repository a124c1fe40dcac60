import { TRPCError, type AnyTRPCRouter, type inferRouterContext } from '@trpc/server';
import { getHTTPStatusCodeFromError, resolveResponse } from '@trpc/server/http';
import { TRPC_ERROR_CODES_BY_KEY } from '@trpc/server/rpc';
import { LatchkeyError } from '../../shared/latchkey-error.ts';
import { ConfigurationError } from '../config/configuration-error.ts';
import { describeError, type Logger } from '../logger.ts';
import type { Runtime } from '../runtime.ts';
import type { CallContext, ContextSource, LatchkeyContext } from '../trpc/context.ts';
import { formatError, isReported, toTRPCError } from '../trpc/error-formatter.ts';
import { admitCall, EdgeRefusal, type AdmittedCall, type EdgeRequest } from './edge.ts';
import { corsHeadersFor, preflightHeaders, securityHeaders } from './headers.ts';
import { createRequestLog } from './request-log.ts';
import type { Route } from './routes.ts';

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
  /** @throws LatchkeyError when there is no room for a call to this procedure now */
  readonly assertRoomFor: (path: string) => void;
  readonly logger: Logger;
  readonly runtime: Runtime;
}

/**
 * Answers a request, or `null` for a path that is not ours.
 * The path is decided here once, on the target as it came.
 */
export type Handler = (call: IncomingCall) => Promise<Response | null>;

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

  async function answerCall(call: IncomingCall, admitted: AdmittedCall): Promise<Response> {
    const resHeaders = new Headers();
    let latchkey: CallContext | undefined;
    const response = await resolveResponse({
      router: parts.router,
      path: admitted.path,
      req: toRequest(call, admitted),
      error: null,
      createContext: async ({ info }) => {
        const context = await parts.createContext({ ...call.source, resHeaders, info });
        latchkey = context.latchkey;
        return context;
      },
      onError: ({ error, path }) => {
        if (error.code !== 'INTERNAL_SERVER_ERROR' || isReported(error)) return;
        const requestId = latchkey?.requestId;
        logger.error({ requestId, path, ...describeError(error.cause ?? error) }, 'call failed');
      },
    });
    // A request that tRPC refuses as a whole, such as a batch of both kinds, comes without its type.
    if (response.headers.get('content-type')?.startsWith('text/plain') === true) {
      response.headers.set('content-type', 'application/json');
    }
    for (const [name, value] of resHeaders) {
      if (name === 'set-cookie') response.headers.append(name, value);
      else response.headers.set(name, value);
    }
    return response;
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

  /** Answers what was thrown before tRPC had the call. */
  function refuse(thrown: unknown): Response {
    if (thrown instanceof LatchkeyError) {
      const response = shape(toTRPCError(thrown));
      const { retryAfterSeconds } = thrown;
      if (retryAfterSeconds) response.headers.set('retry-after', String(retryAfterSeconds));
      return response;
    }
    if (!(thrown instanceof EdgeRefusal)) throw thrown;
    const response = shape(new TRPCError({ code: thrown.code, message: thrown.message }));
    // What is left of a body is not read: the connection cannot be used again.
    response.headers.set('connection', 'close');
    return response;
  }

  function shape(error: TRPCError): Response {
    const code = TRPC_ERROR_CODES_BY_KEY[error.code];
    const data = { code: error.code, httpStatus: getHTTPStatusCodeFromError(error) };
    const body = { error: formatError({ error, shape: { message: error.message, code, data } }) };
    return Response.json(body, { status: data.httpStatus });
  }

  async function answer(call: IncomingCall): Promise<Response | null> {
    const { target, method } = call;
    const isTrpc = target.startsWith(endpoint);
    const pathname = target.split('?', 1)[0];
    const route = isTrpc ? undefined : parts.routes.find(({ path }) => path === pathname);
    if (!isTrpc && !route) return null;
    if (method === 'OPTIONS') return new Response(null, { status: 204, headers: preflightHeaders });
    if (isTrpc) {
      const { pathSeparator } = parts.router._def._config;
      const admitted = await admitCall(call, target.slice(endpoint.length), pathSeparator);
      // A flood of sign-ins is turned away here, at a tenth of what a call costs.
      if (admitted.paths.length === 1) parts.assertRoomFor(admitted.path);
      return answerCall(call, admitted);
    }
    if (method !== 'GET' && method !== 'HEAD') throw new EdgeRefusal('METHOD_NOT_SUPPORTED');
    return (await route?.answer()) ?? null;
  }

  return async (call) => {
    const startedAt = runtime.now();
    let response: Response | null;
    try {
      response = await answer(call);
    } catch (error) {
      response = refuse(error);
    }
    if (!response) return null;
    for (const [name, value] of always) {
      if (!response.headers.has(name)) response.headers.set(name, value);
    }
    if (response.headers.get('content-type') === 'application/json') {
      response.headers.set('content-type', 'application/json; charset=utf-8');
    }
    for (const [name, value] of corsHeadersFor(call.headers('origin'), parts.allowedOrigins)) {
      response.headers.append(name, value);
    }
    const { method, target } = call;
    const path = target.split('?', 1)[0]?.slice(0, 128);
    const ms = Math.round(runtime.now() - startedAt);
    log({ method, path, status: response.status, ms });
    return response;
  };
}
