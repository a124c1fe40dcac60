import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isCredentialPath } from '../trpc/credentials.ts';
import {
  admitHead,
  admitInput,
  EdgeRefusal,
  maxBatchSize,
  type AdmittedCall,
  type EdgeRequest,
} from './edge.ts';

interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Iterable<Uint8Array>;
}

/** What becomes of a request whose target goes on after the endpoint with `rest`. */
async function send(rest: string, sent: Sent = {}): Promise<AdmittedCall | EdgeRefusal['code']> {
  const { method = 'GET', headers = {}, body = '' } = sent;
  try {
    const request: EdgeRequest = {
      method,
      target: `/trpc/${rest}`,
      headers: (name) => [headers[name] ?? []].flat(),
      async readBody(take) {
        for (const piece of typeof body === 'string' ? [Buffer.from(body)] : body) take(piece);
      },
    };
    return await admitInput(request, admitHead(request, rest));
  } catch (error) {
    if (error instanceof EdgeRefusal) return error.code;
    throw error;
  }
}

function post(rest: string, body: Sent['body'] = '{}', headers: Sent['headers'] = {}) {
  const sent = { 'content-type': 'application/json', ...headers };
  return send(rest, { method: 'POST', body, headers: sent });
}

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

test('a query goes on with its path and its query as they came', async () => {
  const paths = ['user.me'];
  expect(await send('user.me')).toMatchObject({ path: 'user.me', paths, query: '', body: null });
  expect(await send('user.me?input=%7B%7D&x=a%20b')).toMatchObject({
    path: 'user.me',
    paths,
    query: 'input=%7B%7D&x=a%20b',
    body: null,
    input: {},
  });
});

test('a mutation goes on with its body', async () => {
  const body = '{"name":"Ада"}';
  expect(await post('user.update', body)).toMatchObject({ path: 'user.update', query: '', body });
  expect(await post('auth.logout', '')).toMatchObject({ path: 'auth.logout', query: '', body: '' });
});

test.each(['HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'CONNECT', 'get', ''])(
  '%j is no method of a call',
  async (method) => {
    expect(await send('user.me', { method })).toBe('METHOD_NOT_SUPPORTED');
  },
);

test.each([
  '',
  '/',
  'user.me/',
  '/user.me',
  'user//me',
  './user.me',
  '../trpc/user.me',
  'user%2Eme',
  'user.me%00',
  'user%2Cme',
  'user.me,session.list',
  'user.me#',
  'user.me;x=1',
  'user .me',
  'user..me',
  '.user.me',
  'user.me.',
  'üser.me',
  'user.me\\',
  'u'.repeat(513),
])('%j is no path of a procedure', async (path) => {
  expect(await send(path)).toBe('NOT_FOUND');
});

test.each([
  ['ten calls', `${'user.me,'.repeat(9)}user.me`, 'admitted'],
  ['eleven calls', `${'user.me,'.repeat(10)}user.me`, 'BAD_REQUEST'],
  ['ten thousand calls', `${'user.me,'.repeat(9_999)}user.me`, 'BAD_REQUEST'],
  ['a sign-in among others', 'user.me,auth.login,session.list', 'admitted'],
  ['two sign-ins', 'auth.login,auth.login', 'BAD_REQUEST'],
  ['two kinds of sign-in', 'auth.login,auth.refresh', 'BAD_REQUEST'],
  ['two sign-ins, one of them nested', 'auth.login,api.v1.auth.login', 'BAD_REQUEST'],
  ['a deletion and a change of password', 'user.delete,user.changePassword', 'BAD_REQUEST'],
  ['two sign-outs', 'auth.logout,auth.logout', 'admitted'],
  ['an empty call', 'user.me,', 'BAD_REQUEST'],
])('a batch of %s', async (_, path, outcome) => {
  const answer = await send(`${path}?batch=1`);
  expect(typeof answer === 'string' ? answer : 'admitted').toBe(outcome);
});

test.each([
  'batch=0',
  'batch=',
  'batch',
  'batch=true',
  'batch=1&batch=1',
  'batch=1&%62atch=0',
  'input=1&input=2',
  '#',
  'x=1#&batch=1',
])('a query with %s is refused', async (query) => {
  expect(await send(`user.me?${query}`)).toBe('BAD_REQUEST');
});

/** Paths and queries that are nearly right, in every combination. */
const target = fc
  .tuple(
    fc.array(
      fc.constantFrom(
        'user.me',
        'auth.login',
        'auth.refresh',
        'x.auth.login',
        'user.delete',
        'user.m%65',
        '',
      ),
      { minLength: 1, maxLength: 14 },
    ),
    fc.constantFrom(',', '%2C', ';'),
    fc.array(
      fc.constantFrom(
        'batch=1',
        '%62atch=1',
        'batch=0',
        'x=1',
        '#',
        '&',
        'input=%7B%7D',
        'input={',
        '+',
      ),
      {
        maxLength: 4,
      },
    ),
    fc.constantFrom('&', '#', ''),
  )
  .map(([paths, comma, query, and]) => `${paths.join(comma)}?${query.join(and)}`);

test('tRPC reads no more calls out of what is admitted than the edge did', async () => {
  await fc.assert(
    fc.asyncProperty(target, fc.boolean(), async (rest, isPost) => {
      const admitted = await (isPost ? post(rest) : send(rest));
      if (typeof admitted === 'string') return;
      // As tRPC reads it: by the URL that the request is given.
      const url = new URL(`http://localhost/trpc/${admitted.path}?${admitted.query}`);
      const isBatch = url.searchParams.get('batch') === '1';
      expect(isBatch).toBe(new URLSearchParams(admitted.query).has('batch'));
      const path = url.pathname.slice('/trpc/'.length);
      const calls = isBatch ? path.split(',') : [path];
      expect(calls.length).toBeLessThanOrEqual(maxBatchSize);
      expect(calls.filter(isCredentialPath).length).toBeLessThanOrEqual(1);
      expect(calls.every((call) => /^[\w$-]+(\.[\w$-]+)*$/.test(call))).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});

test.each(['authorization', 'content-type', 'origin', 'cookie', 'x-latchkey-mode'])(
  'a second %s header is refused',
  async (name) => {
    expect(
      await post('user.update', '{}', { [name]: ['application/json', 'application/json'] }),
    ).toBe('BAD_REQUEST');
  },
);

test.each([
  'application/json',
  'application/json; charset=utf-8',
  'Application/JSON;charset=UTF-8',
])('a body is taken as %s', async (type) => {
  expect(await post('user.update', '{}', { 'content-type': type })).toMatchObject({ body: '{}' });
});

test.each([
  { 'content-type': [] },
  { 'content-type': 'text/plain' },
  { 'content-type': 'text/plain; application/json' },
  { 'content-type': 'application/jsonl' },
  { 'content-type': 'application/json; charset=utf-16' },
  { 'content-type': 'multipart/form-data; boundary=x' },
  { 'content-type': 'application/octet-stream' },
  { 'content-type': 'application/x-www-form-urlencoded' },
  { 'content-encoding': 'gzip' },
])('a body is not taken with %j', async (headers) => {
  expect(await post('auth.logout', '{}', headers)).toBe('UNSUPPORTED_MEDIA_TYPE');
});

test.each([
  '{',
  'undefined',
  "{'a':1}",
  '{"a":1}{}',
  '\uFEFF{}',
  ' ',
  [Buffer.of(0x22, 0xff, 0x22)],
  // Half of a surrogate pair, as UTF-8 must not have it.
  [Buffer.of(0x22, 0xed, 0xa0, 0x80, 0x22)],
])('a body of %j is not JSON', async (body) => {
  expect(await post('user.update', body)).toBe('BAD_REQUEST');
});

test('a mutation takes its input from the body alone', async () => {
  expect(await post('user.update?input=%7B%7D')).toBe('BAD_REQUEST');
});

test('the input of a query is JSON, too', async () => {
  expect(await send('admin.getUser?input=%7B')).toBe('BAD_REQUEST');
  expect(await send(`admin.getUser?input=${nested(33)}`)).toBe('BAD_REQUEST');
  expect(await send(`admin.getUser?input=${nested(32)}`)).toMatchObject({ path: 'admin.getUser' });
});

test.each([
  ['auth.login', 32 * 1_024],
  ['auth.logout', 32 * 1_024],
  ['user.changePassword', 32 * 1_024],
  ['api.auth.login', 32 * 1_024],
  ['user.me,auth.login?batch=1', 32 * 1_024],
  ['user.update', 1_024 * 1_024],
  ['posts.author', 1_024 * 1_024],
  ['oauth.token', 1_024 * 1_024],
])('the body of %s has at most %i bytes', async (rest, limit) => {
  const input = { 0: 'é'.repeat(limit / 2 - 4) };
  const text = JSON.stringify(input);
  const admitted = await post(rest, text);
  if (typeof admitted === 'string') throw new Error(admitted);
  expect(Buffer.from(admitted.body ?? '').toString()).toBe(text);
  expect(await admitted.input).toEqual(input);
  expect(await post(rest, `${text} `)).toBe('PAYLOAD_TOO_LARGE');
});

test('of a large body the bytes are kept, and what they say is read one after the other', async () => {
  const bodies = ['a', 'b', 'c'].map((letter) => JSON.stringify(letter.repeat(40_000)));
  const admitted = await Promise.all(bodies.map((body) => post('user.update', body)));
  const turns: string[] = [];
  const reading = admitted.map(async (call) => {
    if (typeof call === 'string') throw new Error(call);
    expect(call.body).toBeInstanceOf(Uint8Array);
    const said = String(await call.input).slice(0, 1);
    turns.push(`${said} read`);
    // What follows in the same turn: zod's, tRPC's, and the answer's promises.
    for (const _ of Array.from({ length: 50 })) await Promise.resolve();
    turns.push(`${said} done`);
  });
  await Promise.all(reading);
  expect(turns).toEqual(['a read', 'a done', 'b read', 'b done', 'c read', 'c done']);
});

test('while 64 MiB are on their way, no more is read than 32 KiB of a body, until they are there', async () => {
  const large = Buffer.alloc(1_024 * 1_024, ' ');
  const small = Buffer.alloc(32 * 1_024, ' ');
  const stalled = Promise.withResolvers<void>();
  const slow = Array.from({ length: 64 }, () => {
    const headers = (name: string) => (name === 'content-type' ? ['application/json'] : []);
    const request: EdgeRequest = {
      method: 'POST',
      target: '/trpc/user.update',
      headers,
      async readBody(take) {
        take(large);
        await stalled.promise;
      },
    };
    return Promise.resolve(admitInput(request, admitHead(request, 'user.update')));
  });
  expect(await post('user.update', [large])).toBe('SERVICE_UNAVAILABLE');
  expect(await post('user.update', [small, Buffer.of(32)])).toBe('SERVICE_UNAVAILABLE');
  // It is read: spaces are no JSON.
  expect(await post('user.update', [small])).toBe('BAD_REQUEST');
  stalled.resolve();
  const outcomes = await Promise.allSettled(slow);
  expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
  expect(await post('user.update', [large])).toBe('BAD_REQUEST');
});

test('a body that says it is too large is not read', async () => {
  let isRead = false;
  function* body(): Generator<Uint8Array> {
    isRead = true;
    yield Buffer.from('{}');
  }
  expect(await post('auth.login', body(), { 'content-length': '32769' })).toBe('PAYLOAD_TOO_LARGE');
  expect(isRead).toBe(false);
});

test('a body without an end is read up to the limit and no further', async () => {
  let pieces = 0;
  function* body(): Generator<Uint8Array> {
    for (;;) {
      pieces += 1;
      yield Buffer.alloc(1_024, ' ');
    }
  }
  expect(await post('auth.login', body(), { 'content-length': '1' })).toBe('PAYLOAD_TOO_LARGE');
  expect(pieces).toBe(33);
});

test('a body may arrive in any pieces', async () => {
  const bytes = Buffer.from('{"name":"王小明 🦊"}');
  const pieces = Array.from(bytes, (byte) => Buffer.of(byte));
  expect(await post('user.update', pieces)).toMatchObject({ body: bytes.toString() });
});

test('nesting is counted as a parser counts it, and 32 deep is the most', async () => {
  const text = fc.string({
    unit: fc.constantFrom('[', ']', '{', '}', '"', '\\', 'a'),
    maxLength: 6,
  });
  const value = fc.jsonValue({
    maxDepth: 4,
    stringUnit: fc.constantFrom('[', ']', '{', '}', '"', '\\', 'a'),
  });
  await fc.assert(
    fc.asyncProperty(value, text, fc.integer({ min: 26, max: 33 }), async (inner, key, depth) => {
      let input: unknown = inner;
      for (let level = 0; level < depth; level += 1) input = level % 2 ? [input] : { [key]: input };
      const admitted = typeof (await post('user.update', JSON.stringify(input))) !== 'string';
      expect(admitted).toBe(depthOf(input) <= 32);
    }),
  );
});

test.each([
  ['brackets without an end', '['.repeat(100_000)],
  ['objects without an end', '{"a":'.repeat(100_000)],
  ['deep arrays', nested(100_000)],
  ['closing brackets first', ']'.repeat(1_000) + '['.repeat(1_000)],
])('%s are refused without being parsed', async (_, body) => {
  expect(await post('user.update', body)).toBe('BAD_REQUEST');
});

test('a refusal has a reason of the contract', () => {
  expect(new EdgeRefusal('NOT_FOUND', 'Ask elsewhere.').refusal.reason).toBe('not_found');
  for (const code of [
    'BAD_REQUEST',
    'METHOD_NOT_SUPPORTED',
    'PAYLOAD_TOO_LARGE',
    'UNSUPPORTED_MEDIA_TYPE',
  ] as const) {
    const { refusal } = new EdgeRefusal(code, 'Ask otherwise.');
    expect(refusal.reason).toBe('invalid_input');
    expect(refusal.issues).toEqual([{ path: [], code: 'custom', message: 'Ask otherwise.' }]);
  }
});

/** How deep a value is nested, by walking it. */
function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}
