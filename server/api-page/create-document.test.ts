import { Validator } from '@seriousme/openapi-schema-validator';
import { initTRPC, lazy, type AnyTRPCRouter } from '@trpc/server';
import superjson from 'superjson';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { createTestLatchkey } from '../testing/index.ts';
import type { LatchkeyContext } from '../trpc/context.ts';
import type { ProcedureMeta } from '../trpc/procedure-docs.ts';
import { createDocument, type OpenApiDocument } from './create-document.ts';
import type { Operation } from './operation.ts';

/** The document of a host's router, which has to be a valid one whatever is in it. */
async function documentOf(
  router: AnyTRPCRouter,
  basePath = '/trpc',
): Promise<OpenApiDocument & { readonly info: { readonly description: string } }> {
  const document = await createDocument({ router, basePath, routes: [], version: '1.2.3' });
  const text = JSON.stringify(document);
  expect(await new Validator().validate(JSON.parse(text) as never)).toMatchObject({ valid: true });
  return JSON.parse(text) as never; // What is served, with what `createDocument` says of it.
}

function operationOf(document: OpenApiDocument, path: string): Operation {
  const operation = Object.values(document.paths[path] ?? {})[0];
  if (!operation) throw new Error(`There is no ${path}: ${Object.keys(document.paths).join()}`);
  return operation;
}

/** The schema of what is sent. */
function inputOf(document: OpenApiDocument, path: string): unknown {
  const { requestBody, parameters } = operationOf(document, path);
  return (requestBody ?? parameters?.[0])?.content['application/json']?.schema;
}

/** The schema of the value in the answer. */
function outputOf(document: OpenApiDocument, path: string): unknown {
  const { schema } =
    operationOf(document, path).responses['200']?.content?.['application/json'] ?? {};
  return (schema as { properties: { result: { properties: { data: unknown } } } }).properties.result
    .properties.data;
}

test('a host may describe its procedures in their meta, beside a meta of its own', async () => {
  const t = initTRPC.meta<ProcedureMeta & { readonly cost: number }>().create();
  const router = t.router({
    count: t.procedure
      .meta({
        cost: 1,
        docs: {
          summary: 'Count the posts',
          description: 'All of them.',
          output: z.int(),
          reasons: ['not_found'],
          token: 'required',
        },
      })
      .query(() => 0),
  });
  const document = await documentOf(router);
  const { summary, description, security, responses } = operationOf(document, '/trpc/count');
  expect({ summary, description, security }).toEqual({
    summary: 'Count the posts',
    description: 'All of them.',
    security: [{ bearer: [] }],
  });
  expect(outputOf(document, '/trpc/count')).toMatchObject({ type: 'integer' });
  expect(responses['404']?.description).toBe('Refused: `not_found`');
  expect(responses['401']?.description).toContain('token_expired');
});

test('a meta that means something else is no description', async () => {
  const t = initTRPC.meta<object>().create();
  const metas = [{ docs: 'none' }, { docs: { summary: 1, examples: 'x', reasons: ['late'] } }, {}];
  const router = t.router(
    Object.fromEntries(
      metas.map((meta, index) => [`p${index}`, t.procedure.meta(meta).query(() => 0)]),
    ),
  );
  const document = await documentOf(router);
  for (const path of ['/trpc/p0', '/trpc/p1', '/trpc/p2']) {
    expect(operationOf(document, path)).not.toHaveProperty('summary');
  }
});

test('who may call is read from the procedure, however it was put together', async () => {
  await using kit = await createTestLatchkey({ roles: { editor: ['post:write'], reader: [] } });
  const { latchkey } = kit;
  const t = initTRPC.context<LatchkeyContext>().create();
  const own = t.procedure.use(({ next }) => next());
  const router = t.router({
    open: t.procedure.query(() => 0),
    public: own.concat(latchkey.publicProcedure).query(() => 0),
    signedIn: own.concat(latchkey.protectedProcedure).query(() => 0),
    extended: own
      .concat(latchkey.protectedProcedure)
      .use(({ next }) => next())
      .input(z.string())
      .query(() => 0),
    admin: t.procedure.concat(latchkey.adminProcedure).query(() => 0),
    role: t.procedure.concat(latchkey.requireRole('editor', 'reader')).query(() => 0),
    twice: own
      .concat(latchkey.requireRole('editor'))
      .concat(latchkey.requirePermission('post:write'))
      .query(() => 0),
  });
  const document = await documentOf(router);
  const seen = ['open', 'public', 'signedIn', 'extended', 'admin', 'role', 'twice'].map((path) => {
    const { security, description, responses } = operationOf(document, `/trpc/${path}`);
    return [path, security?.length, description, '403' in responses];
  });
  expect(seen).toEqual([
    ['open', 0, undefined, false],
    ['public', 0, undefined, false],
    ['signedIn', 1, undefined, false],
    ['extended', 1, undefined, false],
    ['admin', 1, 'For admins.', true],
    ['role', 1, 'For users of the role `editor` or `reader`, and for admins.', true],
    [
      'twice',
      1,
      'For users of the role `editor`, and for admins.\n\nFor users whose role has the permission `post:write`, and for admins.',
      true,
    ],
  ]);
});

test('the path is the one that is called', async () => {
  const t = initTRPC.create({ pathSeparator: '_' });
  const router = t.router({ posts: { drafts: { count: t.procedure.query(() => 0) } } });
  const document = await documentOf(router, '/api/trpc');
  expect(operationOf(document, '/api/trpc/posts_drafts_count')).toMatchObject({
    operationId: 'posts.drafts.count',
    tags: ['posts.drafts'],
  });
});

test('a router that is loaded later is described as well, and one that cannot be is left out', async () => {
  const t = initTRPC.create();
  const inner = t.router({ count: t.procedure.query(() => 0) });
  const router = t.router({
    slow: lazy(async () => t.router({ inner: lazy(async () => inner) })),
    gone: lazy(async (): Promise<typeof inner> => {
      throw new Error('The file is not there.');
    }),
  });
  const document = await documentOf(router);
  expect(Object.keys(document.paths)).toEqual(['/trpc/slow.inner.count']);
});

test('of a schema that cannot be written the rest is said', async () => {
  const t = initTRPC.create();
  const input = z.object({
    at: z.date(),
    trimmed: z.string().transform(Number),
    custom: z.custom<string>(),
    big: z.bigint(),
    byName: z.map(z.string(), z.int()),
    page: z.int().default(1),
  });
  const router = t.router({
    odd: t.procedure
      .input(input)
      .output(z.object({ at: z.date() }))
      .query(() => ({ at: new Date(0) })),
    noSchemas: t.procedure.query(() => 0),
    byFunction: t.procedure.input((value: unknown) => String(value)).query(() => 0),
    sameId: t.procedure
      .input(z.object({ a: z.string().meta({ id: 'same' }), b: z.int().meta({ id: 'same' }) }))
      .query(() => 0),
    twoInputs: t.procedure
      .input(z.object({ a: z.string() }))
      .input(z.object({ b: z.int() }))
      .mutation(() => 0),
    events: t.procedure.subscription(async function* events() {
      yield 0;
    }),
  });
  const document = await documentOf(router);
  expect(inputOf(document, '/trpc/odd')).toEqual({
    type: 'object',
    properties: {
      at: {},
      trimmed: { type: 'string' },
      custom: {},
      big: {},
      byName: {},
      page: { type: 'integer', default: 1 },
    },
    required: ['at', 'trimmed', 'custom', 'big', 'byName'],
  });
  expect(outputOf(document, '/trpc/odd')).toMatchObject({
    properties: { at: { type: 'string', format: 'date-time' } },
  });
  expect(operationOf(document, '/trpc/noSchemas')).not.toHaveProperty('parameters');
  expect(outputOf(document, '/trpc/noSchemas')).toEqual({});
  expect(inputOf(document, '/trpc/byFunction')).toEqual({});
  expect(inputOf(document, '/trpc/sameId')).toEqual({});
  expect(inputOf(document, '/trpc/twoInputs')).toMatchObject({
    allOf: [{ required: ['a'] }, { required: ['b'] }],
  });
  expect(operationOf(document, '/trpc/events').responses['200']?.content).toHaveProperty([
    'text/event-stream',
  ]);
});

test('a schema that refers to itself becomes a component, and so does one with a title', async () => {
  const t = initTRPC.create();
  interface Tree {
    readonly name: string;
    readonly parts: readonly Tree[];
  }
  const tree: z.ZodType<Tree> = z.object({
    name: z.string(),
    get parts() {
      return z.array(tree);
    },
  });
  const other: z.ZodType = z.object({
    get next() {
      return other.nullable();
    },
  });
  const post = z.object({ id: z.uuid() }).meta({ title: 'Post' });
  const named = z.object({ x: z.string() }).meta({ id: 'Named' });
  const router = t.router({
    plant: t.procedure.input(tree).mutation(() => 0),
    hang: t.procedure.input(z.object({ on: tree, named })).mutation(() => 0),
    list: t.procedure
      .input(other)
      .output(z.array(post))
      .query(() => []),
    other: t.procedure
      .output(z.object({ y: z.int() }).meta({ title: 'Post' }))
      .query(() => ({ y: 1 })),
  });
  const document = await documentOf(router);
  const text = JSON.stringify(document);
  const { schemas } = document.components;
  for (const [, name = ''] of text.matchAll(/"\$ref":"([^"]+)"/g)) {
    expect(schemas).toHaveProperty([name.replace('#/components/schemas/', '')]);
  }
  expect(text).not.toContain('$defs');
  expect(inputOf(document, '/trpc/plant')).toHaveProperty('$ref');
  expect(outputOf(document, '/trpc/list')).toMatchObject({
    items: { $ref: '#/components/schemas/Post' },
  });
  expect(schemas).toMatchObject({ Post: { title: 'Post' }, Named: { required: ['x'] } });
  // The name is taken, so this one stays where it is.
  expect(outputOf(document, '/trpc/other')).toMatchObject({ properties: { y: {} } });
});

test('a schema of another library is described if it can write JSON Schema', async () => {
  const t = initTRPC.create();
  const standard = {
    version: 1,
    vendor: 'other',
    validate: (value: unknown) => ({ value }),
  } as const;
  const writes = {
    '~standard': {
      ...standard,
      jsonSchema: { input: () => ({ type: 'string' }), output: () => ({ type: 'number' }) },
    },
  };
  const router = t.router({
    silent: t.procedure.input({ '~standard': standard }).query(() => 0),
    writes: t.procedure
      .input(writes)
      .output(writes)
      .query(() => 0),
  });
  const document = await documentOf(router);
  expect(inputOf(document, '/trpc/silent')).toEqual({});
  expect(inputOf(document, '/trpc/writes')).toEqual({ type: 'string' });
  expect(outputOf(document, '/trpc/writes')).toEqual({ type: 'number' });
});

test('a transformer is told, and values are written as it has them', async () => {
  const t = initTRPC.meta<ProcedureMeta>().create({ transformer: superjson });
  const router = t.router({
    write: t.procedure
      .meta({ docs: { examples: { Now: { at: new Date(0) } } } })
      .input(z.object({ at: z.date() }))
      .mutation(() => 0),
  });
  const document = await documentOf(router);
  expect(document.info.description).toContain('"json"');
  expect(inputOf(document, '/trpc/write')).toMatchObject({
    properties: { json: { required: ['at'] } },
  });
  const { content } = operationOf(document, '/trpc/write').requestBody ?? {};
  expect(content?.['application/json']?.examples).toMatchObject({
    Now: {
      value: { json: { at: '1970-01-01T00:00:00.000Z' }, meta: { values: { at: ['Date'] } } },
    },
  });
});

test('what another transformer makes of a value is not guessed', async () => {
  const transformer = {
    serialize: (value: unknown) => JSON.stringify(value),
    deserialize: (text: string) => JSON.parse(text) as unknown,
  };
  const t = initTRPC.create({ transformer });
  const router = t.router({ write: t.procedure.input(z.string()).mutation(() => 0) });
  const document = await documentOf(router);
  expect(inputOf(document, '/trpc/write')).toEqual({});
  expect(document.info.description).toContain('form of its own');
});
