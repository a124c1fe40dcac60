import { LatchkeyError } from '../../shared/latchkey-error.ts';
import { isCredentialPath } from '../trpc/credentials.ts';

/** The most calls in a batch. */
export const maxBatchSize = 10;
/** The largest body of a call to `auth.*`, or of one that checks a credential, in bytes. */
const maxAuthBodyBytes = 32 * 1_024;
/** The largest body of any other call, in bytes. */
const maxBodyBytes = 1_024 * 1_024;
/** How deep objects and arrays may be nested in an input. */
const maxJsonDepth = 32;

/** A request before anything of it is believed. */
export interface EdgeRequest {
  readonly method: string;
  /** Path and query as they came, not normalised by anything. */
  readonly target: string;
  /** Every value of a header, one for each time that it was sent. */
  headers(name: string): readonly string[];
  /** The body in pieces, as they arrive. */
  body(): AsyncIterable<Uint8Array>;
}

/** A tRPC request that may go on. */
export interface AdmittedCall {
  /** The procedures, joined by commas in a batch. */
  readonly path: string;
  readonly paths: readonly string[];
  readonly query: string;
  /** JSON text. */
  readonly body: string | null;
}

/** A refusal at the edge: an HTTP status that no reason has by itself. */
export class EdgeRefusal extends Error {
  override readonly name = 'EdgeRefusal';
  readonly code:
    | 'BAD_REQUEST'
    | 'NOT_FOUND'
    | 'METHOD_NOT_SUPPORTED'
    | 'PAYLOAD_TOO_LARGE'
    | 'UNSUPPORTED_MEDIA_TYPE';
  readonly refusal: LatchkeyError;

  constructor(code: EdgeRefusal['code']) {
    const refusal = new LatchkeyError(code === 'NOT_FOUND' ? 'not_found' : 'invalid_input');
    super(refusal.message);
    this.code = code;
    this.refusal = refusal;
  }
}

/** A procedure's path has one spelling: nothing is decoded, trimmed or resolved. */
const procedurePath = /^[A-Za-z0-9_$-]+(\.[A-Za-z0-9_$-]+)*$/;
const maxPathLength = 512;
/** A second one of these would let two readers of one request disagree. */
const singleHeaders = ['authorization', 'content-type', 'origin', 'cookie', 'x-latchkey-mode'];

/**
 * Decides whether a request to the tRPC endpoint goes on, before any work is
 * done for it: one path, one content type, bounded batch, body and depth.
 *
 * @param rest what follows the endpoint and its slash in the target
 * @param separator what stands for the dots of a procedure's path there (`pathSeparator` of tRPC)
 * @throws EdgeRefusal
 */
export async function admitCall(
  request: EdgeRequest,
  rest: string,
  separator = '.',
): Promise<AdmittedCall> {
  const { method } = request;
  if (method !== 'GET' && method !== 'POST') throw new EdgeRefusal('METHOD_NOT_SUPPORTED');
  if (singleHeaders.some((name) => request.headers(name).length > 1)) {
    throw new EdgeRefusal('BAD_REQUEST');
  }
  const mark = rest.indexOf('?');
  const path = (mark === -1 ? rest : rest.slice(0, mark)).replaceAll(separator, '.');
  const query = mark === -1 ? '' : rest.slice(mark + 1);
  // A target has no fragment (RFC 9112 §3.2), and a URL would end where we read on.
  if (query.includes('#')) throw new EdgeRefusal('BAD_REQUEST');
  const parameters = new URLSearchParams(query);
  const paths = splitBatch(path, parameters);
  if (method === 'GET') {
    assertJson(parameters.get('input'));
    return { path, paths, query, body: null };
  }
  if (parameters.has('input')) throw new EdgeRefusal('BAD_REQUEST');
  assertJsonRequest(request);
  const limit = paths.some(isAuthPath) ? maxAuthBodyBytes : maxBodyBytes;
  const body = await readBody(request, limit);
  assertJson(body);
  return { path, paths, query, body };
}

function splitBatch(path: string, parameters: URLSearchParams): string[] {
  const batch = parameters.getAll('batch');
  const isBatch = batch.length > 0;
  if (batch.length > 1 || (isBatch && batch[0] !== '1')) throw new EdgeRefusal('BAD_REQUEST');
  if (parameters.getAll('input').length > 1) throw new EdgeRefusal('BAD_REQUEST');
  const paths = isBatch ? path.split(',', maxBatchSize + 1) : [path];
  if (paths.length > maxBatchSize) throw new EdgeRefusal('BAD_REQUEST');
  for (const each of paths) {
    if (each.length > maxPathLength || !procedurePath.test(each)) {
      throw new EdgeRefusal('NOT_FOUND');
    }
  }
  if (paths.filter(isCredentialPath).length > 1) throw new EdgeRefusal('BAD_REQUEST');
  return paths;
}

function isAuthPath(path: string): boolean {
  return isCredentialPath(path) || /(^|\.)auth\.[^.]+$/.test(path);
}

function assertJsonRequest(request: EdgeRequest): void {
  const [type = ''] = request.headers('content-type');
  if (!/^application\/json(; ?charset=utf-8)?$/i.test(type)) {
    throw new EdgeRefusal('UNSUPPORTED_MEDIA_TYPE');
  }
  const [encoding = 'identity'] = request.headers('content-encoding');
  if (encoding !== 'identity') throw new EdgeRefusal('UNSUPPORTED_MEDIA_TYPE');
}

/** Reads no further than the limit. */
async function readBody(request: EdgeRequest, limit: number): Promise<string> {
  const [declared = '0'] = request.headers('content-length');
  if (Number(declared) > limit) throw new EdgeRefusal('PAYLOAD_TOO_LARGE');
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of request.body()) {
    size += piece.length;
    if (size > limit) throw new EdgeRefusal('PAYLOAD_TOO_LARGE');
    pieces.push(piece);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(pieces));
  } catch {
    throw new EdgeRefusal('BAD_REQUEST'); // Not UTF-8 (RFC 8259 §8.1).
  }
}

/** An empty body is a call without input. */
function assertJson(text: string | null): void {
  if (text === null || text === '') return;
  if (depthOf(text) > maxJsonDepth) throw new EdgeRefusal('BAD_REQUEST');
  try {
    JSON.parse(text);
  } catch {
    throw new EdgeRefusal('BAD_REQUEST'); // The parser's message would quote the input.
  }
}

/** How deep brackets are nested outside of strings, without parsing. */
function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  let isInString = false;
  for (let index = 0; index < json.length; index += 1) {
    const character = json[index];
    if (isInString) {
      if (character === '\\') index += 1;
      else if (character === '"') isInString = false;
    } else if (character === '"') isInString = true;
    else if (character === '{' || character === '[') {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (character === '}' || character === ']') depth -= 1;
  }
  return deepest;
}
