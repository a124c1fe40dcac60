import type { Origin } from '../../shared/records.ts';
import type { Runtime } from '../runtime.ts';
import type { Principal } from '../sessions/authenticate.ts';
import type { RefreshCookie } from './refresh-cookie.ts';

/** What Latchkey needs in the context of every call: spread it into your own. */
export interface LatchkeyContext {
  readonly latchkey: CallContext;
}

/** What a request says of who sends it. Nothing here has been verified. */
export interface CallContext {
  readonly requestId: string;
  readonly origin: Origin;
  /** The `Authorization` header as it came. */
  readonly authorization: string | null;
  /** The refresh token of the cookie. */
  readonly cookieToken: string | null;
  /** The client wants the refresh token in the cookie and not in the answer. */
  readonly isCookieMode: boolean;
  /** The request comes from a page of an allowed origin. */
  readonly isFromAllowedOrigin: boolean;
  /** The procedures of the request: one, or those of its batch. */
  readonly paths: readonly string[];
  /** Answers are streamed, so that headers have been sent before a call is through. */
  readonly isStreamed: boolean;
  setHeader(name: string, value: string): void;
  appendHeader(name: string, value: string): void;
  /** @internal The caller while being verified, once for all calls of a batch. */
  principal: Promise<Principal> | null;
}

/** A request as tRPC's adapters for node:http, Express, Fastify and fetch hand it over. */
export interface ContextSource {
  readonly req: {
    readonly headers: Headers | Readonly<Record<string, string | string[] | undefined>>;
    readonly socket?: { readonly remoteAddress?: string | undefined };
  };
  /** Of node:http and Express, or Fastify's reply. */
  readonly res?:
    | {
        readonly headersSent: boolean;
        setHeader(name: string, value: string): unknown;
        appendHeader(name: string, value: string): unknown;
      }
    | { header(name: string, value: string): unknown };
  /** Of fetch. */
  readonly resHeaders?: Headers;
  /** tRPC's own account of the request. */
  readonly info?: {
    readonly accept?: string | null;
    readonly calls: readonly { readonly path: string }[];
  };
  /** The client's address where the host knows better; a fetch request does not have one. */
  readonly ip?: string | null;
  /** What the request is called in logs and answers; made where nobody says it. */
  readonly requestId?: string;
}

export interface ContextParts {
  readonly runtime: Runtime;
  readonly cookie: RefreshCookie;
  readonly allowedOrigins: ReadonlySet<string>;
  /** The client's address behind trusted proxies. */
  readonly clientIp: (peer: string | null, forwardedFor: string | null) => string | null;
}

/** Longer user agents are cut: they are kept and shown to people, and nothing depends on them. */
const maxUserAgentLength = 256;

/** Reads what is needed from the request. Never throws, and does no work that a public call could do without. */
export function createCallContext(parts: ContextParts, source: ContextSource): CallContext {
  return new RequestContext(parts, source);
}

/** A class, because one is made for each request: what its methods are, is written down once. */
class RequestContext implements CallContext {
  readonly origin: Origin;
  readonly authorization: string | null;
  readonly cookieToken: string | null;
  readonly isCookieMode: boolean;
  readonly isFromAllowedOrigin: boolean;
  readonly paths: readonly string[];
  readonly isStreamed: boolean;
  principal: Promise<Principal> | null = null;
  readonly #runtime: Runtime;
  readonly #source: ContextSource;
  #requestId: string | undefined;

  constructor({ runtime, cookie, allowedOrigins, clientIp }: ContextParts, source: ContextSource) {
    const { req, info } = source;
    const header = readerOf(req.headers);
    this.origin = {
      ip: clientIp(peerOf(source), header('x-forwarded-for')),
      userAgent: header('user-agent')?.slice(0, maxUserAgentLength) ?? null,
    };
    this.authorization = header('authorization');
    this.cookieToken = cookie.read(header('cookie'));
    this.isCookieMode = header('x-latchkey-mode') === 'cookie';
    this.isFromAllowedOrigin =
      allowedOrigins.has(header('origin') ?? '') && header('sec-fetch-site') !== 'cross-site';
    this.paths = info?.calls.map(({ path }) => path) ?? [];
    this.isStreamed = info?.accept === 'application/jsonl';
    this.#runtime = runtime;
    this.#source = source;
    this.#requestId = source.requestId;
  }

  /** Made when it is read, where the request has none by then. */
  get requestId(): string {
    return (this.#requestId ??= this.#runtime.randomId());
  }

  setHeader(name: string, value: string): void {
    const { res, resHeaders } = this.#source;
    resHeaders?.set(name, value);
    if (!res) return;
    if (!('setHeader' in res)) res.header(name, value);
    // In a stream they have left before a call is through.
    else if (!res.headersSent) res.setHeader(name, value);
  }

  appendHeader(name: string, value: string): void {
    const { res, resHeaders } = this.#source;
    resHeaders?.append(name, value);
    if (!res) return;
    // Fastify appends by itself what may be sent more than once.
    if (!('setHeader' in res)) res.header(name, value);
    else if (!res.headersSent) res.appendHeader(name, value);
  }
}

/** The address that a request comes from, be it that of a proxy. */
export function peerOf({ req, ip }: Pick<ContextSource, 'req' | 'ip'>): string | null {
  return ip === undefined ? (req.socket?.remoteAddress ?? null) : ip;
}

function readerOf(headers: ContextSource['req']['headers']): (name: string) => string | null {
  if (headers instanceof Headers) return (name) => headers.get(name);
  return (name) => {
    const value = headers[name];
    return typeof value === 'string' ? value : (value?.join(', ') ?? null);
  };
}
