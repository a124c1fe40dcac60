import fc, { type Arbitrary } from 'fast-check';
import { procedures } from '../contract/procedures.ts';
import { passwordMark } from './find-leak.ts';
import { damages, type Damage } from './spoil.ts';

/**
 * Plans of requests: what is sent, with names in place of what is only known once a server runs
 * (tokens, ids, passwords), so that the same seed makes the same plan against another server.
 */

/** Something that a person of the world has; without `of`, the subject of the request. */
export type Ref =
  | { readonly the: 'email' | 'username' | 'id' | 'password'; readonly of?: number }
  | {
      readonly the: 'access token' | 'refresh token' | 'session';
      readonly of?: number;
      /** 0 is the newest. */
      readonly age: number;
      readonly damage?: Damage;
    };

/** JSON, or what pretends to be. */
export type Json =
  | { readonly text: string }
  | { readonly ref: Ref }
  | { readonly repeated: string; readonly times: number; readonly between: readonly string[] }
  | { readonly members: readonly (readonly [key: string, value: Json])[] }
  | { readonly items: readonly Json[] };

/** The value of a header: text around something that is looked up. */
export interface HeaderPlan {
  readonly name: string;
  readonly before: string;
  readonly ref: Ref | null;
  readonly after: string;
}

export interface CallPlan {
  readonly path: string;
  readonly input: Json | null;
}

export interface RequestPlan {
  /** Who the request is about, and mostly who sends it: an index into the people of the world. */
  readonly subject: number;
  readonly calls: readonly CallPlan[];
  readonly isBatch: boolean;
  /** `null` for the one that fits the first procedure. */
  readonly method: string | null;
  readonly spelling: Spelling;
  /** Put behind the query. */
  readonly query: string;
  readonly contentType: string | null;
  readonly headers: readonly HeaderPlan[];
  readonly encoding: Encoding;
  /** Sizes of the chunks in which the body travels, or `null` for `Content-Length`. */
  readonly chunks: { readonly sizes: readonly number[]; readonly extension: string } | null;
}

/** What may be wrong below HTTP. */
export const faults = [
  'bare line feeds',
  'folded header',
  'space before a colon',
  'NUL in a header',
  'two lengths',
  'signed length',
  'hexadecimal length',
  'length and chunks',
  'chunks and length',
  'unknown transfer coding',
  'chunked twice',
  'huge chunk size',
  'negative chunk size',
  'line feed in a chunk extension',
  'last chunk missing',
  'body too short',
  'body too long',
  'trailers',
  'HTTP/1.0',
  'HTTP/0.9',
  'HTTP/2',
  'method in lower case',
  'method unknown',
  'CONNECT',
  'upgrade',
  'no host',
  'two hosts',
  'empty lines before',
  'header of 20 kB',
  'headers of 20 kB',
  'hundred headers',
  'header without a name',
  'secret between requests',
  'half of it',
] as const;
export type Fault = (typeof faults)[number];

/** One step of a scenario. */
export type Step =
  | { readonly kind: 'call'; readonly request: RequestPlan }
  | { readonly kind: 'pipeline'; readonly requests: readonly RequestPlan[] }
  | { readonly kind: 'broken'; readonly request: RequestPlan; readonly fault: Fault }
  | { readonly kind: 'changed bytes'; readonly request: RequestPlan; readonly bytes: Bytes }
  | { readonly kind: 'abandoned'; readonly request: RequestPlan; readonly at: number }
  | { readonly kind: 'clock'; readonly seconds: number };

/** Where in a request, as a part of its length, and which byte goes there. */
type Bytes = readonly { readonly at: number; readonly byte: number }[];

/** `usual` in most cases, so that a request with one thing wrong gets as far as it can. */
function mostly<T>(usual: T, unusual: Arbitrary<T>, weight = 12): Arbitrary<T> {
  return fc.oneof({ weight, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: unusual });
}

const text = (value: unknown): Json => ({ text: JSON.stringify(value) });
const refTo = (ref: Ref): Json => ({ ref });

const passwords = fc
  .tuple(
    fc.constantFrom('', ' ', 'é', 'e\u0301', '😀', '한글 ', "'; --"),
    fc.stringMatching(/^[a-z0-9]{9}$/),
  )
  .map(([before, end]) => `${before}${passwordMark}${end}`);

const strings = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '',
    ' ',
    '\0',
    'a\0b',
    '\ud800',
    'a\udc00b',
    '\r\nset-cookie: a=b',
    '\u001b[31m',
    '\u202eabc',
    '__proto__',
    'constructor',
    "' OR 1=1 --",
    '%00',
    '%',
    '_',
    'ﬁK\u212aİ',
    '＠',
    '{"$ne":null}',
    'true',
    '-1',
  ),
);

const hostile: Arbitrary<Json> = fc.oneof(
  { weight: 4, arbitrary: strings.map(text) },
  { weight: 3, arbitrary: fc.jsonValue({ maxDepth: 2 }).map(text) },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom(
        'null',
        'true',
        '0',
        '-0',
        '-1',
        '1.5',
        '1e400',
        '123456789012345678901234567890',
        '[]',
        '{}',
        '""',
        '{"$ne":null}',
        '{"__proto__":{"role":"admin"}}',
        '{"constructor":{"prototype":{"role":"admin"}}}',
        '{"toString":1,"valueOf":2,"toJSON":3}',
        '"\\ud800"',
        '"\\u0000"',
        // From here on no JSON.
        'NaN',
        'undefined',
        "'text'",
        '"unended',
        '{"a":1,}',
        '[1,]',
        '01',
        '"\u0001"',
        '"\n"',
        '/**/1',
        '\ufeff1',
        '}',
        ']',
      )
      .map((json): Json => ({ text: json })),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        fc.constantFrom<readonly [string, readonly string[]]>(
          ['a', ['"', '"']],
          ['a.', ['"', '@x.example"']],
          ['é', ['"', '"']],
          ['\\u0000', ['"', '"']],
          ['[', ['', '']],
          ['{"a":', ['', '']],
          ['0,', ['[', '0]']],
          ['"a":0,', ['{', '"b":0}']],
        ),
        fc.constantFrom(30, 33, 255, 1_100, 9_000, 34_000),
      )
      .map(([[repeated, between], times]): Json => ({ repeated, times, between })),
  },
);

/** Indexes into the people; the few of the beginning are met again and again. */
const someone = fc.integer({ min: 0, max: 7 });
const ages = fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 4 }));
const damage = fc.constantFrom(...damages);

const tokenOf = (the: 'access token' | 'refresh token' | 'session'): Arbitrary<Json> =>
  fc
    .tuple(ages, mostly<Damage | undefined>(undefined, damage, 5))
    .map(([age, spoilt]) =>
      refTo({ the, age, ...(spoilt === undefined ? {} : { damage: spoilt }) }),
    );
const refreshToken = fc.oneof(
  { weight: 8, arbitrary: tokenOf('refresh token') },
  {
    weight: 1,
    arbitrary: someone.map((of) => refTo({ the: 'refresh token', of, age: 0 })),
  },
  { weight: 1, arbitrary: tokenOf('access token') },
);
const rightPassword = mostly(refTo({ the: 'password' }), passwords.map(text), 4);
const newPassword = mostly(text(`${passwordMark}a brand new one`), passwords.map(text), 2);
const userId = someone.map((of) => refTo({ the: 'id', of }));
const freshEmail = fc
  .stringMatching(/^[a-zA-Z0-9]{6}$/)
  .map((name) => text(`${name}@new.fuzz.example`));
const freshName = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9._-]{2,12}$/).map(text),
  someone.map((of) => refTo({ the: 'username', of })),
);
const displayName = mostly(text('Ada Łovelace'), strings.map(text), 1);
const nullable = (values: Arbitrary<Json>) =>
  fc.oneof({ weight: 5, arbitrary: values }, { weight: 1, arbitrary: fc.constant(text(null)) });

type Fields = Readonly<Record<string, Arbitrary<Json>>>;
const limit = fc.integer({ min: 1, max: 100 }).map(text);
const cursor = userId;
const byEmail: Fields = { email: fc.constant(refTo({ the: 'email' })), password: rightPassword };
const byUsername: Fields = {
  username: fc.constant(refTo({ the: 'username' })),
  password: rightPassword,
};
const aboutUser: Fields = { userId };

/** What each procedure takes, in every form that it takes; a field named with `?` may be absent. */
const inputs: ReadonlyMap<string, readonly Fields[]> = new Map(
  Object.entries<readonly Fields[]>({
    'auth.register': [
      {
        email: fc.oneof(
          freshEmail,
          someone.map((of) => refTo({ the: 'email', of })),
        ),
        password: newPassword,
        'username?': freshName,
        'name?': displayName,
      },
    ],
    'auth.login': [byEmail, byUsername],
    'auth.refresh': [{ refreshToken }, {}],
    'auth.logout': [{ refreshToken }, {}],
    'user.update': [{ 'name?': nullable(displayName), 'username?': nullable(freshName) }],
    'user.changePassword': [{ currentPassword: rightPassword, newPassword }],
    'user.delete': [
      {
        password: mostly(text(`${passwordMark}wrong`), fc.constant(refTo({ the: 'password' })), 3),
      },
    ],
    'session.revoke': [{ sessionId: fc.oneof(tokenOf('session'), userId) }],
    'admin.listUsers': [
      {
        'search?': fc.oneof(strings.map(text), fc.constant(text('fuzz'))),
        'role?': fc.constantFrom(text('user'), text('admin')),
        'status?': fc.constantFrom(text('active'), text('disabled')),
        'limit?': limit,
        'cursor?': cursor,
      },
    ],
    'admin.getUser': [aboutUser],
    'admin.setRole': [{ userId, role: fc.constantFrom(text('user'), text('admin')) }],
    'admin.disableUser': [aboutUser],
    'admin.enableUser': [aboutUser],
    'admin.listSessions': [aboutUser],
    'admin.revokeSession': [{ userId, sessionId: fc.oneof(tokenOf('session'), userId) }],
    'admin.revokeSessions': [aboutUser],
    'admin.figures': [{ 'hours?': limit }],
    'admin.listAuditEvents': [
      {
        'userId?': userId,
        'type?': fc.constantFrom(text('sign_in.failed'), text('user.updated'), text('%')),
        'limit?': limit,
        'cursor?': cursor,
      },
    ],
  }),
);

const extraKeys = fc.constantFrom(
  '"role"',
  '"id"',
  '"userId"',
  '"status"',
  '"isAdmin"',
  '"emailVerified"',
  '"passwordHash"',
  '"__proto__"',
  '"\\u005f_proto__"',
  '"constructor"',
  '"toString"',
  '""',
  '"\\ud800"',
  '"a.b"',
);

function objectOf(fields: Fields): Arbitrary<Json> {
  const members = Object.entries(fields).map(([name, value]) => {
    const key = JSON.stringify(name.replace('?', ''));
    const one = fc
      .oneof({ weight: 16, arbitrary: value }, { weight: 1, arbitrary: hostile })
      .map((json): readonly (readonly [string, Json])[] => [[key, json]]);
    const twice = fc
      .tuple(value, value)
      .map(([first, second]): readonly (readonly [string, Json])[] => [
        [key, first],
        [key, second],
      ]);
    return fc.oneof(
      { weight: 30, arbitrary: one },
      { weight: 1, arbitrary: twice },
      { weight: name.endsWith('?') ? 15 : 1, arbitrary: fc.constant([]) },
    );
  });
  const extra = mostly<readonly (readonly [string, Json])[]>(
    [],
    fc.tuple(extraKeys, hostile).map((member) => [member]),
    20,
  );
  return fc.tuple(...members, extra).map((parts): Json => ({ members: parts.flat() }));
}

function inputOf(path: string): Arbitrary<Json | null> {
  const forms = inputs.get(path);
  const usual: Arbitrary<Json | null> = forms
    ? fc.oneof(...forms.map(objectOf))
    : fc.constant(null);
  return fc.oneof(
    { weight: 24, arbitrary: usual },
    { weight: 1, arbitrary: hostile },
    { weight: 1, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: usual.map((json) => json && ({ items: [json] } satisfies Json)) },
  );
}

const nearMisses = fc.constantFrom(
  '',
  'auth',
  'auth.',
  '.auth.login',
  'auth..login',
  'auth.logins',
  'auth.Login',
  'AUTH.LOGIN',
  'auth.login.then',
  'auth.login._def',
  'auth.__proto__',
  '__proto__',
  'constructor',
  'constructor.prototype',
  'toString',
  'then',
  'user.me.me',
  'user.me ',
  'user.%6De',
  'auth%2Elogin',
  'auth.login%00',
  'auth.login/',
  'auth.login;x',
  '../user.me',
  '..%2Fuser.me',
  'user.me#x',
  'user\\me',
  'admin.*',
  'ädmin.listUsers',
  'a'.repeat(600),
  'a.'.repeat(300),
);

/** Of one kind, as a batch has to be; signing in is what there is most to do with. */
function pathsOf(kind: 'query' | 'mutation'): Arbitrary<string> {
  const all = procedures.filter((row) => row.kind === kind).map(({ path }) => path);
  const often = kind === 'query' ? ['user.me'] : ['auth.login', 'auth.refresh'];
  return fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...all) },
    { weight: 1, arbitrary: fc.constantFrom(...often) },
  );
}
const callsOf = (paths: Arbitrary<string>): Arbitrary<CallPlan> =>
  paths.chain((path) => inputOf(path).map((input) => ({ path, input })));
const query = callsOf(pathsOf('query'));
const mutation = callsOf(pathsOf('mutation'));
const anyCall = fc.oneof(
  { weight: 4, arbitrary: query },
  { weight: 6, arbitrary: mutation },
  { weight: 1, arbitrary: callsOf(nearMisses) },
);
const calls: Arbitrary<readonly CallPlan[]> = fc.oneof(
  { weight: 60, arbitrary: fc.tuple(anyCall) },
  { weight: 6, arbitrary: fc.array(query, { minLength: 2, maxLength: 10, size: 'max' }) },
  { weight: 6, arbitrary: fc.array(mutation, { minLength: 2, maxLength: 4, size: 'max' }) },
  { weight: 3, arbitrary: fc.array(anyCall, { minLength: 2, maxLength: 12, size: 'max' }) },
);

/** How the target of a request is written. */
export const spellings = [
  'usual',
  'absolute',
  'absolute elsewhere',
  'two slashes',
  'dot segments',
  'slash at the end',
  'percent-encoded',
  'upper case',
  'fragment',
  'backslashes',
  'no endpoint',
  'asterisk',
  'parameters',
  'comma encoded',
] as const;
export type Spelling = (typeof spellings)[number];

/** How the text of a body becomes bytes. */
export const encodings = [
  'utf-8',
  'byte order mark',
  'utf-16',
  'latin-1',
  'surrogates',
  'cut',
  'twice',
  'white space',
  'none',
  'NUL behind',
] as const;
export type Encoding = (typeof encodings)[number];

const header = (name: string, value: string): HeaderPlan => ({
  name,
  before: value,
  ref: null,
  after: '',
});

const schemes = fc.constantFrom(
  'Bearer ',
  'bearer ',
  'BEARER ',
  'Bearer  ',
  'Bearer\t',
  'Bearer',
  'Bearer "',
  'Basic ',
  'Token ',
  'DPoP ',
  'Bearer Bearer ',
  'Basic x, Bearer ',
  'Bearer \u00e9',
  '',
);
const bearer: Arbitrary<HeaderPlan> = fc
  .record({
    name: mostly('Authorization', fc.constantFrom('authorization', 'AUTHORIZATION')),
    before: mostly('Bearer ', schemes, 15),
    token: fc.oneof(
      { weight: 12, arbitrary: tokenOf('access token') },
      { weight: 1, arbitrary: tokenOf('refresh token') },
    ),
    after: mostly('', fc.constantFrom(' ', ', Bearer x', '=', '.', ';', ' x', '"'), 20),
  })
  // A token of the line above is always looked up.
  .map(({ token, ...plan }) => ({ ...plan, ref: 'ref' in token ? token.ref : null }));

const cookie: Arbitrary<HeaderPlan> = fc
  .record({
    before: fc.constantFrom(
      'latchkey=',
      '__Host-latchkey=',
      'a=b; latchkey=',
      'latchkey=x; latchkey=',
      'latchkey="',
      '__proto__=x; latchkey=',
      'LATCHKEY=',
      ';;;latchkey=',
    ),
    ref: fc.record({ the: fc.constant('refresh token' as const), age: ages }),
    after: mostly('', fc.constantFrom('"', '; latchkey=x', '%41', ';', '\u00e9'), 4),
  })
  .map((plan) => ({ name: 'Cookie', ...plan }));

/** `own` stands for the origin of the server. */
const origins = fc.constantFrom(
  'own',
  'own',
  'own',
  'null',
  '',
  'https://evil.example',
  'own.evil.example',
  'OWN',
  'own/',
  '*',
);
const cookieMode: Arbitrary<readonly HeaderPlan[]> = fc
  .record({
    mode: mostly('cookie', fc.constantFrom('Cookie', 'cookie,cookie', 'header', ''), 4),
    cookie: fc.option(cookie, { nil: undefined }),
    origin: fc.option(origins, { nil: undefined, freq: 5 }),
    site: fc.constantFrom(undefined, 'same-origin', 'cross-site', 'none'),
  })
  .map(({ mode, cookie: jar, origin, site }) => [
    header('X-Latchkey-Mode', mode),
    ...(jar ? [jar] : []),
    ...(origin === undefined ? [] : [header('Origin', origin)]),
    ...(site === undefined ? [] : [header('Sec-Fetch-Site', site)]),
  ]);

const oddHeaders: Arbitrary<HeaderPlan> = fc.oneof(
  fc
    .constantFrom<readonly [string, string]>(
      ['Content-Encoding', 'gzip'],
      ['Content-Encoding', 'identity'],
      ['Content-Type', 'application/json'],
      ['Accept', 'application/jsonl'],
      ['trpc-accept', 'application/jsonl'],
      ['trpc-accept', 'text/event-stream'],
      ['Accept', 'text/event-stream'],
      ['Expect', '100-continue'],
      ['Expect', '200-ok'],
      ['Connection', 'close'],
      ['Connection', 'keep-alive, authorization'],
      ['X-HTTP-Method-Override', 'DELETE'],
      ['X-Forwarded-For', '203.0.113.7'],
      ['X-Forwarded-For', '::ffff:203.0.113.7, garbage'],
      ['X-Forwarded-Host', 'evil.example'],
      ['X-Forwarded-Proto', 'http'],
      ['X-User-Id', '1'],
      ['X-Role', 'admin'],
      ['x-middleware-subrequest', 'middleware'],
      ['Last-Event-Id', '1'],
      ['Range', 'bytes=0-1'],
      ['If-None-Match', '*'],
      ['__proto__', 'x'],
      ['constructor', 'x'],
      ['toString', 'x'],
      ['Cookie', 'latchkey=%E0%A4%A'],
      ['Cookie', '='],
      ['Sec-Fetch-Site', 'cross-site'],
      ['Upgrade-Insecure-Requests', '1'],
      ['Accept-Language', 'x'.repeat(6_000)],
      ['User-Agent', 'a'.repeat(2_000)],
      ['User-Agent', '\u001b[31m\u00e9\u00ff'],
      ['User-Agent', '<script>"\'}'],
    )
    .map(([name, value]) => header(name, value)),
  bearer,
  cookie,
  origins.map((origin) => header('Origin', origin)),
);

const contentTypes = fc.constantFrom(
  null,
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/octet-stream',
  'application/jsonx',
  'application/json; charset=utf-16',
  'application/json;charset=UTF-8',
  'APPLICATION/JSON',
  'application/json\t; charset=utf-8',
  'application/json, text/plain',
  'application/json; charset=utf-8; x=y',
  '',
);

const queries = fc.constantFrom(
  'batch=1',
  'batch=0',
  'batch=true',
  'batch',
  'batch=1&batch=1',
  '%62atch=1',
  'input={}',
  'input=%7B%7D',
  'input=%E0%A4%A',
  'input=',
  'input=1&input=2',
  'connectionParams={"token":"x"}',
  'connectionParams=%5B',
  'lastEventId=1',
  'access_token=x',
  '__proto__[role]=admin',
  'a'.repeat(3_000),
  '&&&=',
);

const request: Arbitrary<RequestPlan> = fc
  .record({
    subject: someone,
    calls,
    flip: mostly(false, fc.constant(true), 25),
    method: mostly<string | null>(
      null,
      fc.constantFrom('GET', 'POST', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'QUERY'),
    ),
    spelling: mostly<Spelling>('usual', fc.constantFrom(...spellings), 25),
    query: mostly('', queries, 25),
    contentType: mostly<string | null>('application/json', contentTypes, 25),
    authorization: fc.oneof(
      { weight: 24, arbitrary: bearer.map((plan): readonly HeaderPlan[] => [plan]) },
      { weight: 8, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.tuple(bearer, bearer) },
    ),
    mode: mostly<readonly HeaderPlan[]>([], cookieMode, 6),
    others: mostly<readonly HeaderPlan[]>(
      [],
      fc.array(oddHeaders, { minLength: 1, maxLength: 3 }),
      5,
    ),
    encoding: mostly<Encoding>('utf-8', fc.constantFrom(...encodings), 30),
    chunks: mostly<RequestPlan['chunks']>(
      null,
      fc.record({
        sizes: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 }),
        extension: fc.constantFrom('', ';a', ';a=b', ';a="b\\"c"', ' ', ';é', ';'.repeat(200)),
      }),
      10,
    ),
  })
  .map(({ flip, authorization, mode, others, ...plan }) => ({
    ...plan,
    isBatch: plan.calls.length > 1 !== flip,
    headers: [...authorization, ...mode, ...others],
  }));

const changedBytes: Arbitrary<Bytes> = fc.array(
  fc.record({
    at: fc.integer({ min: 0, max: 9_999 }).map((at) => at / 10_000),
    byte: fc.oneof(
      fc.constantFrom(...Buffer.from('\0\r\n\t :;,=%?#"{}[]\\./-A0')),
      fc.integer({ min: 0, max: 255 }),
    ),
  }),
  { minLength: 1, maxLength: 4 },
);

/** Steps that come one after another against one server. */
export const step: Arbitrary<Step> = fc.oneof(
  { weight: 40, arbitrary: request.map((plan): Step => ({ kind: 'call', request: plan })) },
  {
    weight: 2,
    arbitrary: fc
      .array(request, { minLength: 2, maxLength: 5 })
      .map((requests): Step => ({ kind: 'pipeline', requests })),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('broken' as const),
      request,
      fault: fc.constantFrom(...faults),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('changed bytes' as const),
      request,
      bytes: changedBytes,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('abandoned' as const),
      request,
      /** How much of it is sent. */
      at: mostly(
        1,
        fc.integer({ min: 1, max: 99 }).map((percent) => percent / 100),
        1,
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(1, 9, 10, 11, 60, 899, 900, 3_600, -1, -5, -60)
      .map((seconds): Step => ({ kind: 'clock', seconds })),
  },
);

/** How the server is set up. */
export interface WorldPlan {
  readonly signingAlgorithm: 'EdDSA' | 'ES256' | 'HS256';
  readonly rateLimits: boolean;
  readonly isBehindProxy: boolean;
  readonly isHttps: boolean;
}

export const worldPlan: Arbitrary<WorldPlan> = fc.record({
  signingAlgorithm: mostly<WorldPlan['signingAlgorithm']>(
    'EdDSA',
    fc.constantFrom('ES256', 'HS256'),
    3,
  ),
  rateLimits: mostly(false, fc.constant(true), 4),
  isBehindProxy: mostly(false, fc.constant(true), 2),
  isHttps: mostly(false, fc.constant(true), 3),
});
