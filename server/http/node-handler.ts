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
    const gone = new AbortController();
    res.once('close', () => {
      if (!res.writableFinished) gone.abort();
    });
    respond(handle, { req, res, signal: gone.signal })
      .then((isOurs) => {
        if (isOurs) return;
        if (next) next();
        else res.writeHead(404, notFoundHeaders).end('Not found\n');
      })
      .catch((error: unknown) => {
        // A client that went away is no fault of ours, and nobody is there to be answered.
        if (!gone.signal.aborted) logger.error(describeError(error), 'request failed');
        if (res.headersSent) res.destroy();
        else res.writeHead(500, { connection: 'close' }).end();
      });
  };
}

async function respond(
  handle: Handler,
  { req, res, signal }: { req: IncomingMessage; res: ServerResponse; signal: AbortSignal },
): Promise<boolean> {
  const response = await handle(toCall(req, signal));
  if (!response) return false;
  res.statusCode = response.status;
  for (const [name, value] of response.headers) {
    if (name !== 'set-cookie') res.setHeader(name, value);
  }
  const cookies = response.headers.getSetCookie();
  // What stands before us may have set cookies of its own.
  if (cookies.length > 0) res.appendHeader('set-cookie', cookies);
  if (response.body === null || req.method === 'HEAD') {
    res.end();
  } else if (isWhole(response.headers)) {
    const body = Buffer.from(await response.arrayBuffer());
    if (!req.complete && response.headers.get('connection') === 'close') {
      res.setHeader('content-length', body.length).write(body);
      await discardRest(req);
      res.end();
    } else {
      res.end(body);
    }
  } else {
    await pipeline(Readable.fromWeb(response.body), res);
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

/** A stream of lines has the type of one answer, and tRPC sets its encoding. */
function isWhole(headers: Headers): boolean {
  const isJson = headers.get('content-type')?.startsWith('application/json') ?? false;
  return isJson && !headers.has('transfer-encoding');
}

function toCall(req: IncomingMessage, signal: AbortSignal): IncomingCall {
  return {
    method: req.method ?? 'GET',
    // Express rewrites `url` below where it is mounted.
    target:
      ('originalUrl' in req && typeof req.originalUrl === 'string' ? req.originalUrl : req.url) ??
      '/',
    headers: (name) => req.headersDistinct[name] ?? [],
    body: () => bodyOf(req),
    signal,
    source: { req },
  };
}

/** A body parser in front may have read the body already. */
async function* bodyOf(
  req: IncomingMessage & { readonly body?: unknown },
): AsyncGenerator<Uint8Array> {
  if (req.readableEnded && req.body !== undefined) {
    yield Buffer.from(typeof req.body === 'string' ? req.body : JSON.stringify(req.body));
    return;
  }
  yield* req.iterator({ destroyOnReturn: false });
}
