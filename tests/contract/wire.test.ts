/** Our listener beside tRPC's own, on the same router: nobody can tell them apart by what a call is answered. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { initTRPC, lazy, TRPCError } from '@trpc/server';
import { createHTTPHandler } from '@trpc/server/adapters/standalone';
import { TRPC_ERROR_CODES_BY_KEY } from '@trpc/server/rpc';
import fc from 'fast-check';
import type { ContextSource, LatchkeyContext } from 'latchkey/server';
import superjson from 'superjson';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';
import { createApi, register } from './api.ts';

type Kit = Awaited<ReturnType<typeof createKit>>;

function createKit() {
  return createTestLatchkey({});
}

const codes = Object.keys(TRPC_ERROR_CODES_BY_KEY) as (keyof typeof TRPC_ERROR_CODES_BY_KEY)[];

/** What a step of a procedure is handed, but for what differs from request to request. */
function shown(options: object): object {
  return Object.fromEntries(
    Object.entries(options)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => {
        if (value instanceof AbortSignal) return [name, `signal, ${String(value.aborted)}`];
        if (typeof value === 'function') return [name, 'function'];
        return [name, name === 'ctx' ? Object.keys(value as object) : (value as unknown)];
      }),
  );
}

/** Whatever a procedure can do that shows in an answer. */
function createEverything({ latchkey }: Kit, transformer?: typeof superjson) {
  const t = initTRPC.context<LatchkeyContext>().create({
    isDev: false,
    errorFormatter(options) {
      const shape = latchkey.errorFormatter(options);
      // A status that no code has.
      return options.path === 'odd'
        ? { ...shape, data: { ...shape.data, httpStatus: 418 } }
        : shape;
    },
    ...(transformer && { transformer }),
  });
  const anything = t.procedure.input(z.unknown());
  const signedIn = t.procedure.concat(latchkey.protectedProcedure);
  return t.router({
    ...latchkey.routers,
    echo: anything.query(({ input }) => input),
    store: anything.mutation(({ input }) => input),
    strict: t.procedure.input(z.strictObject({ a: z.int() })).query(({ input }) => input.a),
    strictly: t.procedure.input(z.strictObject({ a: z.int() })).mutation(({ input }) => input.a),
    silent: t.procedure.query(() => {}),
    nothing: t.procedure.query(() => null),
    wide: t.procedure.query(() => ({
      text: 'é\u2028\ud83d\ude00',
      at: new Date(0),
      nan: Number.NaN,
    })),
    unwritable: t.procedure.query(() => ({ big: 2n })),
    stream: t.procedure.query(async function* () {
      yield 1;
    }),
    later: t.procedure.query(() => ({ now: 1, later: Promise.resolve(2) })),
    unexpected: t.procedure.query(() => {
      throw new Error('hunter2');
    }),
    odd: t.procedure.query(() => {
      throw 'hunter2'; // oxlint-disable-line only-throw-error -- what a host may do
    }),
    coded: t.procedure.input(z.enum(codes)).query(({ input: code }) => {
      throw new TRPCError({ code, message: `It is ${code}.` });
    }),
    header: signedIn.mutation(({ ctx }) => {
      ctx.latchkey.setHeader('x-made', 'here');
      ctx.latchkey.appendHeader('set-cookie', 'a=1');
      ctx.latchkey.appendHeader('set-cookie', 'b=2');
    }),
    who: signedIn.query(({ ctx }) => ctx.user.id),
    steps: t.procedure
      .meta({ of: 'steps' })
      .use(({ next, ...options }) => {
        const { origin } = options.ctx.latchkey;
        return next({ ctx: { first: shown(options), origin: { ...origin, ip: null } } });
      })
      .input(z.looseObject({ a: z.int().optional() }).optional())
      .use(async ({ next, ...options }) => {
        const raw: unknown = await options.getRawInput();
        return next({ ctx: { second: shown(options), raw } });
      })
      .output(z.unknown())
      .query(({ ctx: { first, second, raw, origin }, ...options }) => ({
        first,
        second,
        raw,
        origin,
        last: shown(options),
      })),
    instead: t.procedure
      .use(({ next }) => next({ getRawInput: async () => ({ a: 7 }) }))
      .input(z.object({ a: z.int() }))
      .query(({ input }) => input),
    unanswered: t.procedure.use((() => undefined) as never).query(() => 'never'),
    broken: t.procedure
      .use(() => {
        throw new TRPCError({ code: 'CONFLICT', message: 'Broken.' });
      })
      .query(() => 'never'),
    mended: t.procedure
      .use(async ({ next, ctx }) => {
        const result = await next();
        return result.ok ? result : { ...result, ok: true as const, data: 'mended', ctx };
      })
      .query(() => {
        throw new Error('hunter2');
      }),
    count: t.procedure.subscription(async function* () {
      yield 1;
    }),
    lazy: lazy(async () => ({ router: t.router({ hello: t.procedure.query(() => 'hello') }) })),
  });
}

interface Sent {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly input?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a caller sees of an answer. */
interface Seen {
  readonly status: number;
  readonly type: string | undefined;
  readonly headers: Readonly<Record<string, string | null>>;
  readonly cookies: readonly string[];
  readonly body: string;
}

async function see(url: string, { method, path, input, headers }: Sent): Promise<Seen> {
  const isBatch = path.endsWith('!');
  const query = new URLSearchParams({
    ...(isBatch && { batch: '1' }),
    ...(method === 'GET' && input !== undefined && { input }),
  });
  const response = await fetch(`${url}/trpc/${path.replace('!', '')}?${query.toString()}`, {
    method,
    headers: { ...(method === 'POST' && { 'content-type': 'application/json' }), ...headers },
    ...(method === 'POST' && input !== undefined && { body: input }),
  });
  const body = await response.text();
  return {
    status: response.status,
    // Ours says the character set as well, and the type where tRPC leaves it to be guessed.
    type: response.headers
      .get('content-type')
      ?.split(';')[0]
      ?.replace('text/plain', 'application/json'),
    headers: {
      ...Object.fromEntries(
        ['allow', 'retry-after', 'x-made'].map((name) => [name, response.headers.get(name)]),
      ),
      // Ours depends on the origin too.
      vary: response.headers.get('vary')?.replace(', Origin', '') ?? null,
    },
    cookies: response.headers.getSetCookie(),
    // Each request has one of its own.
    body: body.replaceAll(/"requestId":"[^"]+"/g, '"requestId":"…"'),
  };
}

describe.each([
  ['plain JSON', undefined],
  ['superjson', superjson],
] as const)('with %s', (_name, transformer) => {
  let t: Kit;
  let ours: string;
  let theirs: string;
  let token: string;
  const servers: ReturnType<typeof createServer>[] = [];

  async function listen(listener: RequestListener): Promise<string> {
    const server = createServer(listener);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  beforeAll(async () => {
    t = await createKit();
    const router = createEverything(t, transformer);
    const createContext = (source: ContextSource) => {
      if (source.req.headers instanceof Headers || !source.req.headers['x-broken']) {
        return t.latchkey.createContext(source);
      }
      throw new TRPCError({ code: 'FORBIDDEN', message: 'No context for you.' });
    };
    ours = await listen(t.latchkey.nodeHandler({ router, createContext }));
    theirs = await listen(createHTTPHandler({ router, createContext, basePath: '/trpc/' }));
    const plain = await listen(t.latchkey.nodeHandler());
    token = (await register(createApi(plain))).accessToken;
  });
  afterAll(async () => {
    for (const server of servers) server.close();
    await t.close();
  });

  /** As a client with this transformer writes it. */
  function write(value: unknown): string {
    return JSON.stringify(transformer ? transformer.serialize(value) : value);
  }

  async function expectAlike(sent: Sent): Promise<Seen> {
    const [mine, other] = await Promise.all([see(ours, sent), see(theirs, sent)]);
    expect({ sent, ...mine }).toEqual({ sent, ...other });
    return mine;
  }

  const procedures = [
    'echo',
    'store',
    'strict',
    'strictly',
    'silent',
    'nothing',
    'wide',
    'stream',
    'later',
    'unexpected',
    'odd',
    'header',
    'who',
    'steps',
    'instead',
    'unanswered',
    'broken',
    'mended',
    'user.me',
    'lazy.hello',
    'missing',
    'user.missing',
    'toString',
    '__proto__',
  ] as const;

  test.each(procedures)('%s', async (path) => {
    const inputs = [
      undefined,
      write({}),
      write({ a: 1 }),
      write({ a: 'x' }),
      write(null),
      '[]',
      '7',
    ];
    for (const method of ['GET', 'POST'] as const) {
      for (const input of inputs) {
        const headers = { authorization: `Bearer ${token}` };
        await expectAlike({ method, path, ...(input !== undefined && { input }), headers });
        await expectAlike({ method, path, ...(input !== undefined && { input }) });
      }
    }
  });

  test('every code of an error', async () => {
    for (const code of codes) {
      await expectAlike({ method: 'GET', path: 'coded', input: write(code) });
    }
  });

  test('what cannot be written', async () => {
    const seen = await expectAlike({ method: 'GET', path: 'unwritable' });
    expect(seen.status).toBe(transformer ? 200 : 500);
    await expectAlike({ method: 'GET', path: 'unwritable,nothing!' });
  });

  test('a context that is refused', async () => {
    const headers = { 'x-broken': '1' };
    await expectAlike({ method: 'GET', path: 'echo', headers });
    await expectAlike({ method: 'GET', path: 'echo,missing,nothing!', headers });
    await expectAlike({ method: 'POST', path: 'store', headers });
  });

  test.each([
    ['batches without inputs', 'echo,nothing!', undefined],
    ['batches of one', 'echo!', '{"0":{"json":1}}'],
    ['batches with one input that is none', 'echo,echo!', '{"0":{"json":1},"1":null}'],
    ['batches of several answers', 'echo,strict,who,silent!', '{"0":{"json":1}}'],
    ['batches with streams', 'stream,later,echo!', undefined],
    ['batches of mixed types', 'echo,store!', undefined],
    ['batches with what is not there', 'echo,missing,lazy.hello!', undefined],
    ['subscriptions in batches', 'count,count!', undefined],
  ])('%s', async (_what, path, input) => {
    for (const method of ['GET', 'POST'] as const) {
      await expectAlike({ method, path, ...(input !== undefined && { input }) });
      const lines = { 'trpc-accept': 'application/jsonl' };
      await expectAlike({ method, path, ...(input !== undefined && { input }), headers: lines });
    }
  });

  test('subscriptions', async () => {
    const seen = await expectAlike({ method: 'GET', path: 'count' });
    expect(seen).toMatchObject({ status: 200, type: 'text/event-stream' });
    await expectAlike({ method: 'POST', path: 'count' });
  });

  test('what a client says of its connection', async () => {
    for (const text of ['{"a":"1"}', '{"a":1}', '{bad', 'null']) {
      const path = `echo?connectionParams=${encodeURIComponent(text)}&x=`;
      await expectAlike({ method: 'GET', path });
    }
  });

  test('random requests', async () => {
    const call = fc.record({
      path: fc.constantFrom(...procedures),
      value: fc.jsonValue({ maxDepth: 3 }),
    });
    const requests = fc.record({
      method: fc.constantFrom('GET' as const, 'POST' as const),
      calls: fc.array(call, { minLength: 1, maxLength: 10 }),
      isSingle: fc.boolean(),
      isSignedIn: fc.boolean(),
      isStream: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(requests, async ({ method, calls, isSingle, isSignedIn, isStream }) => {
        const [first] = calls;
        const inputs = calls.map(({ value }, index) => `"${index}":${write(value)}`);
        await expectAlike({
          method,
          path: isSingle ? (first?.path ?? '') : `${calls.map(({ path }) => path).join(',')}!`,
          input: isSingle ? write(first?.value) : `{${inputs.join(',')}}`,
          headers: {
            ...(isSignedIn && { authorization: `Bearer ${token}` }),
            ...(isStream && { 'trpc-accept': 'application/jsonl' }),
          },
        });
      }),
      { numRuns: 300, seed: 4 },
    );
  });
});
