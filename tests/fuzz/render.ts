import { procedures } from '../contract/procedures.ts';
import type { Fault, HeaderPlan, Json, RequestPlan, Spelling } from './grammar.ts';
import type { KnownToken, Person, World } from './world.ts';

/** A request as it is sent. Headers and target are Latin-1, a character for each byte. */
export interface WireRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** `null` where there is none, which is not the same as an empty one. */
  readonly body: Buffer | null;
  readonly chunks: RequestPlan['chunks'];
}

/**
 * Puts what the world knows into a plan.
 *
 * @param isObserved whether the answer will be read: where it may be lost, no access token is sent
 *   but of the one person who may act unobserved, so that what others did can still be told
 */
export async function renderRequest(
  world: World,
  plan: RequestPlan,
  isObserved: boolean,
): Promise<WireRequest> {
  const subject = world.personOf(plan.subject);
  const isStreamed = plan.headers.some(({ before }) => /jsonl|event-stream/.test(before));
  const mayAct = (token: KnownToken) =>
    (isObserved && !isStreamed) ||
    (token.owner === world.unobserved && token.owner.role !== 'admin');
  const headers: [string, string][] = [];
  for (const header of plan.headers) {
    headers.push([header.name, await renderHeader(world, header, { subject, mayAct })]);
  }
  const isAdmin = headers.some(([, value]) => tokenIn(world, value)?.owner.role === 'admin');
  const texts: (string | null)[] = [];
  for (const { input } of plan.calls) {
    texts.push(input && (await renderJson(world, input, { subject, isAdmin })));
  }
  const method = plan.method ?? methodOf(plan.calls[0]?.path);
  const input = plan.isBatch ? joinBatch(texts) : (texts[0] ?? null);
  const isInQuery = method === 'GET' || method === 'HEAD';
  const query = [
    ...(plan.isBatch ? ['batch=1'] : []),
    ...(isInQuery && input !== null ? [`input=${encodeQuery(input)}`] : []),
    ...(plan.query === '' ? [] : [plan.query]),
  ].join('&');
  const path = plan.calls.map((call) => call.path).join(',');
  const body = isInQuery ? null : encodeBody(input ?? '', plan.encoding);
  return {
    method,
    target: spellTarget(latin1(path), latin1(query), plan.spelling),
    headers: [
      ['Host', '127.0.0.1'],
      ...(body === null || plan.contentType === null
        ? []
        : [['Content-Type', plan.contentType] as const]),
      ...headers,
    ],
    body,
    chunks: plan.chunks,
  };
}

function methodOf(path: string | undefined): 'GET' | 'POST' {
  return procedures.find((row) => row.path === path)?.kind === 'mutation' ? 'POST' : 'GET';
}

async function renderHeader(
  world: World,
  { name, before, ref, after }: HeaderPlan,
  { subject, mayAct }: { subject: Person; mayAct: (token: KnownToken) => boolean },
): Promise<string> {
  if (name === 'Origin') return before.replace(/^own/, world.allowedOrigins[0] ?? '');
  if (!ref) return before;
  const value = `${before}${await world.lookUp(subject, ref)}${after}`;
  const token = tokenIn(world, value);
  if (!token || mayAct(token)) return value;
  return `${before}${await world.lookUp(subject, { ...ref, damage: 'changed' } as typeof ref)}`;
}

/** The access token of ours that stands in a header, whatever else does. */
function tokenIn(world: World, value: string): KnownToken | undefined {
  return world.accessTokens.get(/eyJ[\w-]+\.[\w-]+\.[\w-]+/.exec(value)?.[0] ?? '');
}

async function renderJson(
  world: World,
  json: Json,
  who: { subject: Person; isAdmin: boolean },
): Promise<string> {
  if ('text' in json) return json.text;
  if ('repeated' in json) {
    const [before = '', after = ''] = json.between;
    return `${before}${json.repeated.repeat(json.times)}${after}`;
  }
  if ('members' in json) {
    const members: string[] = [];
    for (const [key, value] of json.members) {
      members.push(`${key}:${await renderJson(world, value, who)}`);
    }
    return `{${members.join(',')}}`;
  }
  if ('items' in json) {
    const items: string[] = [];
    for (const item of json.items) items.push(await renderJson(world, item, who));
    return `[${items.join(',')}]`;
  }
  const { ref } = json;
  const of = ref.of === undefined ? who.subject : world.personOf(ref.of);
  // An admin might rightly do to a victim what the victim must be spared.
  const isSpared = who.isAdmin && of.isVictim && ref.the === 'id';
  return JSON.stringify(await world.lookUp(who.subject, isSpared ? { the: 'id', of: 1 } : ref));
}

function joinBatch(texts: readonly (string | null)[]): string {
  const members = texts.flatMap((text, index) => (text === null ? [] : [`"${index}":${text}`]));
  return `{${members.join(',')}}`;
}

/** Each byte that means something in a query as %XX. */
function encodeQuery(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[\w.~-]/.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`;
    })
    .join('');
}

/** The bytes of the text in UTF-8, as a string of a character for each. */
function latin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}

function encodeBody(text: string, encoding: RequestPlan['encoding']): Buffer | null {
  switch (encoding) {
    case 'utf-8':
      return Buffer.from(text);
    case 'byte order mark':
      return Buffer.from(`\ufeff${text}`);
    case 'utf-16':
      return Buffer.from(text, 'utf16le');
    case 'latin-1':
      return Buffer.from(`${text}\u00e9`, 'latin1');
    case 'surrogates':
      return Buffer.from(text.replace('"', '"\u00ed\u00a0\u0080'), 'latin1');
    case 'cut':
      return Buffer.from(text.slice(0, -1));
    case 'twice':
      return Buffer.from(`${text}${text}`);
    case 'white space':
      return Buffer.from(`\n\t ${text} \r\n`);
    case 'NUL behind':
      return Buffer.from(`${text}\0`);
    case 'none':
      return null;
  }
}

function spellTarget(path: string, query: string, spelling: Spelling): string {
  const behind = query === '' ? '' : `?${query}`;
  switch (spelling) {
    case 'usual':
      return `/trpc/${path}${behind}`;
    case 'absolute':
      return `http://127.0.0.1/trpc/${path}${behind}`;
    case 'absolute elsewhere':
      return `http://user:secret@evil.example/trpc/${path}${behind}`;
    case 'two slashes':
      return `//trpc//${path}${behind}`;
    case 'dot segments':
      return `/x/../trpc/./${path}${behind}`;
    case 'slash at the end':
      return `/trpc/${path}/${behind}`;
    case 'percent-encoded':
      return `/%74rpc/${path}${behind}`;
    case 'upper case':
      return `/TRPC/${path}${behind}`;
    case 'fragment':
      return `/trpc/${path}${behind}#${path}`;
    case 'backslashes':
      return `\\trpc\\${path}${behind}`;
    case 'no endpoint':
      return (
        ['/health/live', '/health/ready', '/.well-known/jwks.json', '/', '/trpc', '/metrics'][
          path.length % 6
        ] + behind
      );
    case 'asterisk':
      return '*';
    case 'parameters':
      return `/trpc;a=b/${path};c=d${behind}`;
    case 'comma encoded':
      return `/trpc/${path}%2C${path}${behind}`;
  }
}

/** The request in well-formed HTTP/1.1. */
export function toBytes(request: WireRequest): Buffer {
  const { body, chunks } = request;
  if (body === null) return join(request, [], '');
  if (!chunks) return join(request, [['Content-Length', String(body.length)]], body);
  const pieces: Buffer[] = [];
  let rest = body;
  for (const size of chunks.sizes) {
    if (rest.length > size) {
      pieces.push(rest.subarray(0, size));
      rest = rest.subarray(size);
    }
  }
  if (rest.length > 0) pieces.push(rest);
  const chunked = pieces.flatMap((piece) => [
    Buffer.from(`${piece.length.toString(16)}${chunks.extension}\r\n`, 'latin1'),
    piece,
    Buffer.from('\r\n'),
  ]);
  return join(
    request,
    [['Transfer-Encoding', 'chunked']],
    Buffer.concat([...chunked, Buffer.from(`0${chunks.extension}\r\n\r\n`, 'latin1')]),
  );
}

/** Puts head and body together. Characters that would end a line early are not sent in a value. */
function join(
  { method, target, headers }: WireRequest,
  framing: WireRequest['headers'],
  body: Buffer | string,
): Buffer {
  const lines = [...headers, ...framing].map(
    ([name, value]) => `${name}: ${value.replaceAll(/[\r\n\0]/g, '')}`,
  );
  const head = `${method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body)]);
}

/** The same request with something wrong below HTTP. */
export function breakBytes(request: WireRequest, fault: Fault): Buffer {
  const whole = toBytes({ ...request, chunks: null }).toString('latin1');
  const end = whole.indexOf('\r\n\r\n');
  const [first = '', ...lines] = whole.slice(0, end).split('\r\n');
  const body = whole.slice(end + 4);
  const kept = lines.filter((line) => !line.startsWith('Content-Length'));
  const one = (headers: readonly string[], sent: string = body) =>
    Buffer.from(`${[first, ...headers].join('\r\n')}\r\n\r\n${sent}`, 'latin1');
  const chunked = (sent: string) => one([...kept, 'Transfer-Encoding: chunked'], sent);
  const size = body.length.toString(16);
  const lengthOf = (length: string) => `Content-Length: ${length}`;
  switch (fault) {
    case 'bare line feeds':
      return Buffer.from(`${whole.slice(0, end + 4).replaceAll('\r\n', '\n')}${body}`, 'latin1');
    case 'folded header':
      return one([...lines, 'X-Folded: a', ' Authorization: Bearer x']);
    case 'space before a colon':
      return one(lines.map((line) => line.replace(':', ' :')));
    case 'NUL in a header':
      return one([...lines, 'X-Nul: a\0b']);
    case 'two lengths':
      return one([...lines, lengthOf('0')]);
    case 'signed length':
      return one([...kept, lengthOf(`+${body.length}`)]);
    case 'hexadecimal length':
      return one([...kept, lengthOf(`0x${size}`)]);
    case 'length and chunks':
      return one([...lines, 'Transfer-Encoding: chunked'], `0\r\n\r\n${first}\r\n\r\n`);
    case 'chunks and length':
      return one(['Transfer-Encoding: chunked', ...lines], `${size}\r\n${body}\r\n0\r\n\r\n`);
    case 'unknown transfer coding':
      return one([...kept, 'Transfer-Encoding: xchunked'], `${size}\r\n${body}\r\n0\r\n\r\n`);
    case 'chunked twice':
      return one(
        [...kept, 'Transfer-Encoding: chunked, chunked'],
        `${size}\r\n${body}\r\n0\r\n\r\n`,
      );
    case 'huge chunk size':
      return chunked(`fffffffffffffffff\r\n${body}\r\n0\r\n\r\n`);
    case 'negative chunk size':
      return chunked(`-1\r\n${body}\r\n0\r\n\r\n`);
    case 'line feed in a chunk extension':
      return chunked(`${size};a=\n${body}\r\n0\r\n\r\n`);
    case 'last chunk missing':
      return chunked(`${size}\r\n${body}\r\n`);
    case 'body too short':
      return one([...kept, lengthOf(String(body.length + 7))]);
    case 'body too long':
      return one([...kept, lengthOf(String(Math.max(0, body.length - 3)))]);
    case 'trailers':
      return chunked(
        `${size}\r\n${body}\r\n0\r\nAuthorization: Bearer x\r\nContent-Type: text/plain\r\n\r\n`,
      );
    case 'HTTP/1.0':
      return Buffer.from(whole.replace('HTTP/1.1', 'HTTP/1.0'), 'latin1');
    case 'HTTP/0.9':
      return Buffer.from(`${first.split(' ').slice(0, 2).join(' ')}\r\n`, 'latin1');
    case 'HTTP/2':
      return Buffer.from(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${whole}`, 'latin1');
    case 'method in lower case':
      return Buffer.from(
        whole.replace(/^\w+/, (method) => method.toLowerCase()),
        'latin1',
      );
    case 'method unknown':
      return Buffer.from(whole.replace(/^\w+/, 'LATCH'), 'latin1');
    case 'CONNECT':
      return Buffer.from(whole.replace(/^\w+ \S+/, 'CONNECT 127.0.0.1:22'), 'latin1');
    case 'upgrade':
      return one([...lines, 'Connection: Upgrade', 'Upgrade: websocket']);
    case 'no host':
      return one(lines.filter((line) => !line.startsWith('Host')));
    case 'two hosts':
      return one([...lines, 'Host: evil.example']);
    case 'empty lines before':
      return Buffer.from(`\r\n\r\n${whole}`, 'latin1');
    case 'header of 20 kB':
      return one([...lines, `X-Large: ${'a'.repeat(20_000)}`]);
    case 'headers of 20 kB':
      return one([
        ...lines,
        ...Array.from({ length: 200 }, (_, n) => `X-${n}: ${'a'.repeat(100)}`),
      ]);
    case 'hundred headers':
      return one([...lines, ...Array.from({ length: 100 }, (_, n) => `X-${n}: a`)]);
    case 'header without a name':
      return one([...lines, ': a']);
    case 'secret between requests':
      return Buffer.from(`${whole}garbage\r\n\r\n${whole}`, 'latin1');
    case 'half of it':
      return Buffer.from(whole.slice(0, whole.length / 2), 'latin1');
  }
}

/** The same bytes, some of them replaced. */
export function changeBytes(
  bytes: Buffer,
  changes: readonly { readonly at: number; readonly byte: number }[],
): Buffer {
  const changed = Buffer.from(bytes);
  for (const { at, byte } of changes) changed[Math.floor(at * changed.length)] = byte;
  return changed;
}
