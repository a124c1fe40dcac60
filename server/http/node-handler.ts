import type { IncomingMessage, ServerResponse } from 'node:http';
import { stringify, type ParsedUrlQueryInput } from 'node:querystring';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import { describeError, type Logger } from '../logger.ts';
import type { Handler, IncomingCall } from './handler.ts';

/**
 * Takes requests of node:http, and of Express, which passes `next` for what is not ours.
 */
export type NodeHandler = (
  req: IncomingMessage,
  res: ServerResponse,
  next?: (error?: unknown) => void,
) => void;

const notFoundHeaders = {
  'content-type': 'text/plain; charset=utf-8',
  'x-content-type-options': 'nosniff',
};

/** So much of a refused body, and for so long, is read on, for its sender to read the answer. */
const maxDiscardedBytes = 1_024 * 1_024;
const maxDiscardingMs = 1_000;

export function createNodeHandler(handle: Handler, logger: Logger): NodeHandler {
  return (req, res, next) => {
    const client = new ClientWatch(res);
    const exchange = { req, res, client };
    const call = new NodeCall(exchange);
    respond(handle, call, exchange)
      .then((isOurs) => {
        if (isOurs) return;
        if (next) next();
        else res.writeHead(404, notFoundHeaders).end('Not found\n');
      })
      .catch((error: unknown) => {
        // A client that went away is no fault of ours, and nobody is there to be answered.
        if (!client.isGone()) {
          const { requestId } = call.source;
          logger.error({ requestId, ...describeError(error) }, 'request failed');
        }
        if (res.headersSent) res.destroy();
        else res.writeHead(500, { connection: 'close' }).end();
      });
  };
}

interface Exchange {
  readonly req: IncomingMessage & { readonly body?: unknown; readonly originalUrl?: unknown };
  readonly res: ServerResponse;
  readonly client: ClientWatch;
}

/** Whether whoever asked is still there. */
class ClientWatch {
  readonly #res: ServerResponse;
  #hasLeft = false;
  #controller: AbortController | undefined;

  constructor(res: ServerResponse) {
    this.#res = res;
  }

  isGone(): boolean {
    return this.#hasLeft || (this.#res.closed && !this.#res.writableFinished);
  }

  /** Has been seen to be gone. */
  leave(): void {
    this.#hasLeft = true;
    this.#controller?.abort();
  }

  /** Aborts when the client goes away; made for whoever asks for it, as hardly any procedure does. */
  signal(): AbortSignal {
    if (!this.#controller) {
      const controller = (this.#controller = new AbortController());
      if (this.isGone()) controller.abort();
      this.#res.on('close', () => {
        if (this.isGone()) controller.abort();
      });
    }
    return this.#controller.signal;
  }
}

async function respond(handle: Handler, call: NodeCall, { req, res }: Exchange): Promise<boolean> {
  const answer = await handle(call);
  if (!answer) return false;
  const { status, headers, body } = answer;
  // What stands before us may have set cookies of its own.
  if (headers.cookies.length > 0) res.appendHeader('set-cookie', headers.cookies);
  const isWhole = typeof body === 'string' || body instanceof Uint8Array;
  if (!isWhole || req.method === 'HEAD') {
    res.statusCode = status;
    res.setHeaders(headers.values);
    if (isWhole || body === null) res.end();
    else await pipeline(Readable.fromWeb(body as NodeReadableStream), res);
    return true;
  }
  res.writeHead(status, toLines(headers.values, body));
  if (!req.complete && headers.values.get('connection') === 'close') {
    res.write(body);
    await discardRest(req);
    res.end();
  } else {
    res.end(body);
  }
  return true;
}

/** Names and values in turn, which node:http writes as they are. */
function toLines(values: ReadonlyMap<string, string>, body: string | Uint8Array): string[] {
  const lines = ['content-length', String(Buffer.byteLength(body))];
  for (const [name, value] of values) lines.push(name, value);
  return lines;
}

/** To close on somebody who is still sending may take the answer from them (RFC 9112 §9.6). */
async function discardRest(req: IncomingMessage): Promise<void> {
  let discardedBytes = 0;
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    timer = setTimeout(resolve, maxDiscardingMs);
    req
      .on('data', (piece: Buffer) => {
        discardedBytes += piece.length;
        if (discardedBytes > maxDiscardedBytes) resolve();
      })
      .once('close', resolve)
      .once('end', resolve)
      .once('error', () => resolve());
  });
  clearTimeout(timer);
}

class NodeCall implements IncomingCall {
  readonly method: string;
  readonly target: string;
  readonly source: IncomingCall['source'];
  readonly #req: Exchange['req'];
  readonly #client: ClientWatch;

  constructor({ req, client }: Exchange) {
    this.method = req.method ?? 'GET';
    // Express rewrites `url` below where it is mounted.
    this.target = (typeof req.originalUrl === 'string' ? req.originalUrl : req.url) ?? '/';
    this.source = { req };
    this.#req = req;
    this.#client = client;
  }

  get signal(): AbortSignal {
    return this.#client.signal();
  }

  headers(name: string): readonly string[] {
    return valuesOf(this.#req.rawHeaders, name);
  }

  readBody(take: (piece: Uint8Array) => void): Promise<void> {
    return readBody(this.#req, this.#client, take);
  }
}

const none: readonly string[] = [];

/** One for each time that it was sent; Node's own ways build every header for the first. */
function valuesOf(rawHeaders: readonly string[], name: string): readonly string[] {
  let values: string[] | undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const sent = rawHeaders[index];
    if (sent === name || (sent?.length === name.length && sent.toLowerCase() === name)) {
      values ??= [];
      values.push(rawHeaders[index + 1] ?? '');
    }
  }
  return values ?? none;
}

/** What a body parser has read, as text again. */
function textOf({ body, headers }: Exchange['req']): string {
  if (typeof body === 'string') return body;
  // Parameters that came twice are a list then, and come out twice.
  const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded') ?? false;
  return isForm ? stringify(body as ParsedUrlQueryInput) : JSON.stringify(body);
}

async function readBody(
  req: Exchange['req'],
  client: ClientWatch,
  take: (piece: Uint8Array) => void,
): Promise<void> {
  // A body parser in front may have read the body already.
  if (req.readableEnded) {
    if (req.body !== undefined) take(Buffer.from(textOf(req)));
    return;
  }
  await new Promise<void>((resolve, reject) => {
    function settle(error?: unknown): void {
      req.off('data', onData).off('end', settle).off('error', onGone).off('close', onGone);
      if (error === undefined) resolve();
      else reject(error);
    }
    function onData(piece: Buffer): void {
      try {
        take(piece);
      } catch (error) {
        req.pause();
        settle(error);
      }
    }
    function onGone(): void {
      client.leave();
      settle(new Error('The client went away before its request was whole.'));
    }
    // It has said so already, to nobody, where something else was waited for before.
    if (req.destroyed) {
      onGone();
      return;
    }
    req.on('data', onData).on('end', settle).on('error', onGone).on('close', onGone);
  });
}
