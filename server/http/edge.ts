import { isUtf8 } from 'node:buffer';
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
  /** Gives each piece of the body away as it arrives; reads no further once `take` throws. */
  readBody(take: (piece: Uint8Array) => void): Promise<void>;
}

/** What the head of a request says that may go on. */
export interface AdmittedHead {
  /** The procedures, joined by commas in a batch. */
  readonly path: string;
  readonly paths: readonly string[];
  readonly isBatch: boolean;
  readonly query: string;
  readonly parameters: URLSearchParams;
}

/** A tRPC request that may go on. */
export interface AdmittedCall extends AdmittedHead {
  /** JSON text. */
  readonly body: string | null;
  /** What body or query say, parsed; `undefined` where they say nothing. */
  readonly input: unknown;
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

const noParameters = new URLSearchParams();

/**
 * Decides by its head whether a request to the tRPC endpoint goes on, before any work
 * is done for it: one path, one content type, bounded batch.
 *
 * @param rest what follows the endpoint and its slash in the target
 * @param separator what stands for the dots of a procedure's path there (`pathSeparator` of tRPC)
 * @throws EdgeRefusal
 */
export function admitHead(request: EdgeRequest, rest: string, separator = '.'): AdmittedHead {
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
  const parameters = query === '' ? noParameters : new URLSearchParams(query);
  const isBatch = isBatchCall(parameters);
  const paths = splitBatch(path, isBatch);
  if (method === 'POST') {
    if (parameters.has('input')) throw new EdgeRefusal('BAD_REQUEST');
    assertJsonRequest(request);
  }
  return { path, paths, isBatch, query, parameters };
}

/**
 * Decides the same by the input: bounded in size and depth, and JSON.
 *
 * @throws EdgeRefusal
 */
export async function admitInput(request: EdgeRequest, head: AdmittedHead): Promise<AdmittedCall> {
  if (request.method === 'GET') {
    return { ...head, body: null, input: parseJson(head.parameters.get('input') ?? '') };
  }
  const limit = head.paths.some(isAuthPath) ? maxAuthBodyBytes : maxBodyBytes;
  const body = await readText(request, limit);
  return { ...head, body, input: parseJson(body) };
}

function isBatchCall(parameters: URLSearchParams): boolean {
  const batch = parameters.getAll('batch');
  if (batch.length > 1 || (batch.length === 1 && batch[0] !== '1')) {
    throw new EdgeRefusal('BAD_REQUEST');
  }
  if (parameters.getAll('input').length > 1) throw new EdgeRefusal('BAD_REQUEST');
  return batch.length === 1;
}

function splitBatch(path: string, isBatch: boolean): string[] {
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
async function readText(request: EdgeRequest, limit: number): Promise<string> {
  const [declared = '0'] = request.headers('content-length');
  if (Number(declared) > limit) throw new EdgeRefusal('PAYLOAD_TOO_LARGE');
  const pieces: Uint8Array[] = [];
  let size = 0;
  await request.readBody((piece) => {
    size += piece.length;
    if (size > limit) throw new EdgeRefusal('PAYLOAD_TOO_LARGE');
    pieces.push(piece);
  });
  const bytes = Buffer.concat(pieces);
  // Not UTF-8 (RFC 8259 §8.1).
  if (!isUtf8(bytes)) throw new EdgeRefusal('BAD_REQUEST');
  return bytes.toString();
}

/** An empty body is a call without input. */
function parseJson(text: string): unknown {
  if (text === '') return undefined;
  if (depthOf(text) > maxJsonDepth) throw new EdgeRefusal('BAD_REQUEST');
  try {
    return JSON.parse(text);
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
