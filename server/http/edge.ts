import { isUtf8 } from 'node:buffer';
import { setImmediate as turnOfEventLoop } from 'node:timers/promises';
import { LatchkeyError } from '../../shared/latchkey-error.ts';
import { isCredentialPath } from '../trpc/credentials.ts';

/** The most calls in a batch. */
export const maxBatchSize = 10;
/** The largest body of a call to `auth.*`, or of one that checks a credential, in bytes. */
export const maxAuthBodyBytes = 32 * 1_024;
/** The largest body of any other call, in bytes. */
const maxBodyBytes = 1_024 * 1_024;
/**
 * How much of all bodies may be on its way at once, in bytes. Beyond it, only those are read on that
 * have at most {@link maxAuthBodyBytes}: whoever sends slowly, on many connections, fills no memory.
 */
const maxArrivingBytes = 64 * 1_024 * 1_024;
/** Text and input of a body up to this many bytes are kept until its call ends. */
const keptTextBytes = maxAuthBodyBytes;
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
  /** JSON text; the bytes of it where it is large. */
  readonly body: string | Uint8Array<ArrayBuffer> | null;
  /** What body or query say, parsed; `undefined` where they say nothing. A large body is parsed at each reading, and this is a promise of it. */
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
    | 'UNSUPPORTED_MEDIA_TYPE'
    | 'SERVICE_UNAVAILABLE';
  readonly refusal: LatchkeyError;
  /** Methods that would be taken, where this one is not (RFC 9110 §15.5.6). */
  readonly allow: string | null;

  /** @param wanted what to do about it, in a sentence */
  constructor(code: EdgeRefusal['code'], wanted: string, allow: string | null = null) {
    const refusal = refusalFor(code, wanted);
    super(refusal.message);
    this.code = code;
    this.refusal = refusal;
    this.allow = allow;
  }
}

function refusalFor(code: EdgeRefusal['code'], wanted: string): LatchkeyError {
  if (code === 'NOT_FOUND') return new LatchkeyError('not_found');
  if (code === 'SERVICE_UNAVAILABLE') {
    return new LatchkeyError('overloaded', { retryAfterSeconds: 1 });
  }
  return new LatchkeyError('invalid_input', {
    issues: [{ path: [], code: 'custom', message: wanted }],
  });
}

/** A procedure's path has one spelling: nothing is decoded, trimmed or resolved. */
const procedurePath = /^[A-Za-z0-9_$-]+(\.[A-Za-z0-9_$-]+)*$/;
const maxPathLength = 512;
/** A second one of these would let two readers of one request disagree. */
const singleHeaders = ['authorization', 'content-type', 'origin', 'cookie', 'x-latchkey-mode'];

const jsonType = /^application\/json(; ?charset=utf-8)?$/i;

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
  if (method !== 'GET' && method !== 'POST') {
    throw new EdgeRefusal(
      'METHOD_NOT_SUPPORTED',
      'Send a query by GET, and a mutation by POST.',
      'GET, POST',
    );
  }
  assertSingleHeaders(request);
  const mark = rest.indexOf('?');
  const path = (mark === -1 ? rest : rest.slice(0, mark)).replaceAll(separator, '.');
  const query = mark === -1 ? '' : rest.slice(mark + 1);
  // A target has no fragment (RFC 9112 §3.2), and a URL would end where we read on.
  if (query.includes('#')) {
    throw new EdgeRefusal('BAD_REQUEST', 'Percent-encode # in the URL.');
  }
  const parameters = query === '' ? noParameters : new URLSearchParams(query);
  const isBatch = isBatchCall(parameters);
  const paths = splitBatch(path, isBatch);
  if (method === 'POST') {
    if (parameters.has('input')) {
      throw new EdgeRefusal('BAD_REQUEST', 'Send the input in the body alone.');
    }
    assertContentType(request, jsonType, 'Send content-type: application/json.');
  }
  return { path, paths, isBatch, query, parameters };
}

/**
 * Decides the same by the input: bounded in size and depth, and JSON.
 *
 * @throws EdgeRefusal
 */
export function admitInput(
  request: EdgeRequest,
  head: AdmittedHead,
): AdmittedCall | Promise<AdmittedCall> {
  if (request.method !== 'GET') return admitBody(request, head);
  const input = parseJson(head.parameters.get('input') ?? '');
  assertBatchInput(head, input);
  return { ...head, body: null, input };
}

async function admitBody(request: EdgeRequest, head: AdmittedHead): Promise<AdmittedCall> {
  const limit = head.paths.some(isAuthPath) ? maxAuthBodyBytes : maxBodyBytes;
  const bytes = await readBytes(request, limit);
  const body = bytes.toString();
  const input = parseJson(body);
  assertBatchInput(head, input);
  if (bytes.length <= keptTextBytes) return { ...head, body, input };
  // Parsed, a body may be ten times as large, and a call may wait for the store: of a large one only
  // the bytes are kept, which no limit of the heap counts, and read again where they are asked for.
  return {
    ...head,
    body: bytes,
    get input() {
      return nextLargeInput().then(() => parseJson(bytes.toString()));
    },
  };
}

let lastLargeInput = Promise.resolve();

/**
 * Large inputs are parsed one in each turn of the event loop: those who waited for the same answer
 * of the store would otherwise hold what they parsed all at once, and everybody else up.
 */
function nextLargeInput(): Promise<void> {
  lastLargeInput = lastLargeInput.then(() => turnOfEventLoop());
  return lastLargeInput;
}

function isBatchCall(parameters: URLSearchParams): boolean {
  const batch = parameters.getAll('batch');
  if (batch.length > 1 || (batch.length === 1 && batch[0] !== '1')) {
    throw new EdgeRefusal('BAD_REQUEST', 'Send batch=1 once, or leave it out.');
  }
  if (parameters.getAll('input').length > 1) {
    throw new EdgeRefusal('BAD_REQUEST', 'Send one input.');
  }
  return batch.length === 1;
}

function splitBatch(path: string, isBatch: boolean): string[] {
  const paths = isBatch ? path.split(',', maxBatchSize + 1) : [path];
  if (paths.length > maxBatchSize) {
    throw new EdgeRefusal('BAD_REQUEST', `Send at most ${maxBatchSize} calls in a batch.`);
  }
  for (const each of paths) {
    if (each.length > maxPathLength || !procedurePath.test(each)) {
      if (!isBatch) throw new EdgeRefusal('NOT_FOUND', 'Call a procedure that there is.');
      throw new EdgeRefusal('BAD_REQUEST', 'Name a procedure for each call, separated by commas.');
    }
  }
  if (paths.filter(isCredentialPath).length > 1) {
    throw new EdgeRefusal(
      'BAD_REQUEST',
      'Send at most one call in a batch that checks or sets a credential.',
    );
  }
  return paths;
}

/** Of a batch, the inputs by the places of their calls; a call may have none. */
function assertBatchInput({ isBatch, paths }: AdmittedHead, input: unknown): void {
  if (!isBatch || input === undefined) return;
  const isObject = typeof input === 'object' && input !== null && !Array.isArray(input);
  if (isObject && Object.keys(input).every((key) => key in paths && /^\d+$/.test(key))) return;
  throw new EdgeRefusal(
    'BAD_REQUEST',
    'Send the inputs of a batch as an object, each by the place of its call: "0", "1" and so on.',
  );
}

function isAuthPath(path: string): boolean {
  return isCredentialPath(path) || /(^|\.)auth\.[^.]+$/.test(path);
}

/** @throws EdgeRefusal when a header that decides something was sent twice */
export function assertSingleHeaders(request: EdgeRequest): void {
  for (const name of singleHeaders) {
    if (request.headers(name).length > 1) {
      throw new EdgeRefusal('BAD_REQUEST', `Send the header ${name} once.`);
    }
  }
}

/** @throws EdgeRefusal when the body is of another type, or encoded */
export function assertContentType(request: EdgeRequest, taken: RegExp, wanted: string): void {
  const [type = ''] = request.headers('content-type');
  if (!taken.test(type)) throw new EdgeRefusal('UNSUPPORTED_MEDIA_TYPE', wanted);
  const [encoding = 'identity'] = request.headers('content-encoding');
  if (encoding !== 'identity') {
    throw new EdgeRefusal('UNSUPPORTED_MEDIA_TYPE', 'Send the body without content-encoding.');
  }
}

/**
 * Reads no further than the limit.
 *
 * @throws EdgeRefusal when the body is longer, or not UTF-8, or when too much is on its way
 */
export async function readText(request: EdgeRequest, limit: number): Promise<string> {
  return (await readBytes(request, limit)).toString();
}

let arrivingBytes = 0;

async function readBytes(request: EdgeRequest, limit: number): Promise<Buffer<ArrayBuffer>> {
  const tooLarge = () =>
    new EdgeRefusal('PAYLOAD_TOO_LARGE', `Send at most ${limit / 1_024} KiB in a body.`);
  const [declared = '0'] = request.headers('content-length');
  if (Number(declared) > limit) throw tooLarge();
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    await request.readBody((piece) => {
      size += piece.length;
      arrivingBytes += piece.length;
      if (size > limit) throw tooLarge();
      if (arrivingBytes > maxArrivingBytes && size > maxAuthBodyBytes) {
        throw new EdgeRefusal('SERVICE_UNAVAILABLE', 'Ask again in a second.');
      }
      pieces.push(piece);
    });
  } finally {
    arrivingBytes -= size;
  }
  const bytes = Buffer.concat(pieces);
  // As JSON has to be (RFC 8259 §8.1), and a form (RFC 6749 appendix B).
  if (!isUtf8(bytes)) throw new EdgeRefusal('BAD_REQUEST', 'Write the body in UTF-8.');
  return bytes;
}

/** An empty body is a call without input. */
function parseJson(text: string): unknown {
  if (text === '') return undefined;
  if (depthOf(text) > maxJsonDepth) {
    throw new EdgeRefusal('BAD_REQUEST', `Nest objects and arrays at most ${maxJsonDepth} deep.`);
  }
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message would quote the input.
    throw new EdgeRefusal('BAD_REQUEST', 'Write the input as JSON.');
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
