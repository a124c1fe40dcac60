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
import type { ContextSource, LatchkeyContext } from '../trpc/context.ts';
import { formatError, isReported, toTRPCError } from '../trpc/error-formatter.ts';
import { answerJson, AnswerHeaders, type Answer } from './answer.ts';
import { callProcedures, type FailedCall } from './call-procedures.ts';
import { admitHead, admitInput, EdgeRefusal, type AdmittedCall, type EdgeRequest } from './edge.ts';
import { corsHeadersFor, preflightHeaders, securityHeaders } from './headers.ts';
import { createRequestLog } from './request-log.ts';
import type { Route } from './routes.ts';
import { watchCalls, type CallObserver } from './watch-calls.ts';

/** What a request is, beside what the edge looks at. */
export interface IncomingCall extends EdgeRequest {
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
  /** Everything that a context is made from, except tRPC's own account of the call. */
  readonly source: Pick<ContextSource, 'req' | 'ip'> & {
    /** Given by the handler, before anything else. */
    requestId?: string;
  };
}

/** Where the tRPC endpoint is. */
export interface EndpointPath {
  /**
   * Path of the endpoint as clients see it, without a slash at its end; `/trpc` by default.
   * Where a framework mounts the handler below a path, that path is part of it.
   */
  readonly basePath?: string;
}

/** Where the endpoint is, and what is served beside it. */
export interface EndpointSettings extends EndpointPath {
  /**
   * Serves the API page at `/docs`, and what it shows at `/openapi.json`. By default it does, but
   * in production not for a router of yours: what procedures you have is yours to publish.
   */
  readonly apiPage?: boolean;
  /**
   * Path of the web console as clients see it, such as `/` or `/console/`, with a slash at its
   * end; not served by default.
   */
  readonly console?: string;
}

/** Where the endpoint is by default. */
export const defaultBasePath = '/trpc';

/** What answers at the tRPC endpoint: a router, and the context that it wants. */
export interface EndpointOptions<TRouter extends AnyTRPCRouter> extends EndpointSettings {
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
  /** Where those for whom there is no room wait to be told so. */
  readonly nextTurn: () => Promise<void>;
  readonly requestIdOf: (call: IncomingCall) => string;
  readonly logger: Logger;
  readonly runtime: Runtime;
  /** Whoever wants to hear of calls. */
  readonly observer?: CallObserver | undefined;
}

/**
 * Answers a request, or `null` for a path that is not ours.
 * The path is decided here once, on the target as it came.
 */
export type Handler = (call: IncomingCall) => Promise<Answer | null>;

/** @throws ConfigurationError when the endpoint's path is none */
export function createHandler(parts: HandlerParts): Handler {
  const { basePath = defaultBasePath, logger, runtime } = parts;
  if (!/^(\/[^/?#]+)+$/.test(basePath)) {
    throw new ConfigurationError([
      'basePath: not valid. Wanted: the path of the endpoint, such as /api/trpc, without a slash at its end.',
    ]);
  }
  const endpoint = `${basePath}/`;
  const routes = new Map(parts.routes.map((route) => [route.path, route]));
  const always = securityHeaders(parts.url);
  const log = createRequestLog(logger, runtime);
  const watch = parts.observer && watchCalls(parts.router, parts.observer);
  const turnedAway = new WeakMap<LatchkeyError, Answer>();

  function onError({ error, path, ctx }: FailedCall): void {
    if (error.code !== 'INTERNAL_SERVER_ERROR' || isReported(error)) return;
    // Without a context, it was the context that failed.
    const { requestId } = (ctx as LatchkeyContext | undefined)?.latchkey ?? {};
    logger.error({ requestId, path, ...describeError(error.cause ?? error) }, 'call failed');
  }

  async function answerCall(call: IncomingCall, admitted: AdmittedCall): Promise<Answer> {
    const headers = new AnswerHeaders();
    const { router } = parts;
    const accept = acceptOf(call);
    function createContext(info: NonNullable<ContextSource['info']>) {
      return parts.createContext({ ...call.source, res: headers, info });
    }
    if (accept === null) {
      const info = { accept, calls: admitted.paths.map((path) => ({ path })) };
      const direct = callProcedures(admitted, {
        router,
        request: call,
        createContext: () => createContext(info),
        around: watch?.around,
        onError,
      });
      if (direct) {
        const { status, body } = await direct;
        complete(headers, plainHeaders);
        return { status, headers, body };
      }
    }
    const response = await resolveResponse({
      router: watch?.router ?? router,
      createContext: async ({ info }) => createContext(info),
      onError(failed) {
        watch?.fail(failed.path, failed.error);
        onError(failed);
      },
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

  /** What a call that was refused at the edge may have been for. */
  function pathOf({ target }: IncomingCall): string {
    const [path = ''] = target.slice(endpoint.length).split('?', 1);
    return path.replaceAll(parts.router._def._config.pathSeparator ?? '.', '.');
  }

  /** Answers what went wrong outside of any call: at the edge, or in a route. */
  function refuse(error: TRPCError, requestId: string): Answer {
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
  function turnAway(shortage: LatchkeyError, requestId: string): Answer {
    // Its body has no id.
    const made = turnedAway.get(shortage) ?? refuse(toTRPCError(shortage), requestId);
    turnedAway.set(shortage, made);
    return { ...made, headers: new AnswerHeaders(made.headers.values) };
  }

  function answer(call: IncomingCall, requestId: string): Promise<Answer | null> | Answer | null {
    const { target, method } = call;
    if (target.startsWith(endpoint)) {
      return method === 'OPTIONS' ? answerPreflight() : answerEndpoint(call, requestId);
    }
    const pathname = target.split('?', 1)[0] ?? target;
    const route = routes.get(pathname);
    if (!route) return null;
    if (method === 'OPTIONS') return answerPreflight();
    const { method: taken = 'GET' } = route;
    const isTaken = method === taken || (method === 'HEAD' && taken === 'GET');
    if (!isTaken) {
      const allow = taken === 'GET' ? 'GET, HEAD' : taken;
      throw new EdgeRefusal('METHOD_NOT_SUPPORTED', `Ask by ${taken}.`, allow);
    }
    return route.answer(call);
  }

  function answerPreflight(): Answer {
    const headers = new AnswerHeaders(Object.entries(preflightHeaders));
    return { status: 204, headers, body: null };
  }

  async function answerEndpoint(call: IncomingCall, requestId: string): Promise<Answer> {
    const { pathSeparator } = parts.router._def._config;
    const head = admitHead(call, call.target.slice(endpoint.length), pathSeparator);
    const shortage = head.paths.length === 1 ? parts.findShortage(head.path) : null;
    if (shortage) {
      watch?.refuse(head.path, shortage.reason);
      await parts.nextTurn();
      return turnAway(shortage, requestId);
    }
    const admitted = await admitInput(call, head);
    if (!watch) return answerCall(call, admitted);
    return watch.request(call, () => answerCall(call, admitted));
  }

  return async (call) => {
    const startedAt = runtime.now();
    const requestId = parts.requestIdOf(call);
    call.source.requestId = requestId;
    let answered: Answer | null;
    try {
      answered = await answer(call, requestId);
    } catch (error) {
      // A client that went away is not there to be answered.
      if (call.signal.aborted) throw error;
      const refused = toError(error);
      if (call.target.startsWith(endpoint)) watch?.fail(pathOf(call), refused);
      answered = refuse(refused, requestId);
      // What is left of a body is not read: the connection cannot be used again.
      if (error instanceof EdgeRefusal) {
        answered.headers.setHeader('connection', 'close');
        if (error.allow !== null) answered.headers.setHeader('allow', error.allow);
      }
    }
    if (!answered) return null;
    const { headers, status } = answered;
    complete(headers, always);
    if (!headers.values.has('x-request-id')) headers.setHeader('x-request-id', requestId);
    if (headers.values.get('content-type') === 'application/json') {
      headers.setHeader('content-type', 'application/json; charset=utf-8');
    }
    for (const [name, value] of corsHeadersFor(call.headers('origin'), parts.allowedOrigins)) {
      headers.appendHeader(name, value);
    }
    const { method, target } = call;
    log({ requestId, method, target, status, startedAt });
    return answered;
  };
}

/** What tRPC sends with plain JSON. */
const plainHeaders = [
  ['vary', 'trpc-accept, accept'],
  ['content-type', 'application/json; charset=utf-8'],
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
    return new TRPCError({ code: thrown.code, message: thrown.message, cause: thrown.refusal });
  }
  return thrown instanceof LatchkeyError ? toTRPCError(thrown) : getTRPCErrorFromUnknown(thrown);
}
