import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
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
    const client = createClientWatch(res);
    respond(handle, { req, res, client })
      .then((isOurs) => {
        if (isOurs) return;
        if (next) next();
        else res.writeHead(404, notFoundHeaders).end('Not found\n');
      })
      .catch((error: unknown) => {
        // A client that went away is no fault of ours, and nobody is there to be answered.
        if (!client.isGone()) logger.error(describeError(error), 'request failed');
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
interface ClientWatch {
  isGone(): boolean;
  /** Aborts when the client goes away; made for whoever asks for it, as most of a flood never does. */
  signal(): AbortSignal;
  /** Has been seen to be gone. */
  leave(): void;
}

function createClientWatch(res: ServerResponse): ClientWatch {
  let isGone = false;
  let controller: AbortController | undefined;
  function leave(): void {
    isGone = true;
    controller?.abort();
  }
  res.once('close', () => {
    if (!res.writableFinished) leave();
  });
  return {
    isGone: () => isGone,
    leave,
    signal() {
      controller ??= new AbortController();
      if (isGone) controller.abort();
      return controller.signal;
    },
  };
}

async function respond(handle: Handler, exchange: Exchange): Promise<boolean> {
  const { req, res } = exchange;
  const answer = await handle(toCall(exchange));
  if (!answer) return false;
  const { status, headers, body } = answer;
  res.statusCode = status;
  for (const [name, value] of headers.values) res.setHeader(name, value);
  // What stands before us may have set cookies of its own.
  if (headers.cookies.length > 0) res.appendHeader('set-cookie', headers.cookies);
  if (body === null || req.method === 'HEAD') {
    res.end();
  } else if (typeof body !== 'string') {
    await pipeline(Readable.fromWeb(body), res);
  } else if (!req.complete && headers.values.get('connection') === 'close') {
    res.setHeader('content-length', Buffer.byteLength(body)).write(body);
    await discardRest(req);
    res.end();
  } else {
    res.end(body);
  }
  return true;
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

function toCall({ req, client }: Omit<Exchange, 'res'>): IncomingCall {
  return {
    method: req.method ?? 'GET',
    // Express rewrites `url` below where it is mounted.
    target: (typeof req.originalUrl === 'string' ? req.originalUrl : req.url) ?? '/',
    headers: (name) => valuesOf(req.rawHeaders, name),
    readBody: (take) => readBody(req, client, take),
    get signal() {
      return client.signal();
    },
    source: { req },
  };
}

/** One for each time that it was sent; Node's own ways build every header for the first. */
function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const sent = rawHeaders[index];
    if (sent?.length === name.length && sent.toLowerCase() === name) {
      values.push(rawHeaders[index + 1] ?? '');
    }
  }
  return values;
}

async function readBody(
  req: Exchange['req'],
  client: ClientWatch,
  take: (piece: Uint8Array) => void,
): Promise<void> {
  // A body parser in front may have read the body already.
  if (req.readableEnded) {
    if (req.body !== undefined) {
      take(Buffer.from(typeof req.body === 'string' ? req.body : JSON.stringify(req.body)));
    }
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
    req.on('data', onData).on('end', settle).on('error', onGone).on('close', onGone);
  });
}
