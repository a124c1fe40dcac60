/** A host of twenty routers with ten procedures each, as source text, and a client of it. */

const entities = [
  'account',
  'address',
  'article',
  'booking',
  'cart',
  'category',
  'comment',
  'contact',
  'coupon',
  'document',
  'invoice',
  'message',
  'order',
  'payment',
  'product',
  'project',
  'review',
  'shipment',
  'task',
  'ticket',
] as const;

/** How often the client calls the host. */
const clientCalls = 50;

const withoutLatchkey = `
import { initTRPC, TRPCError } from '@trpc/server';

export interface Context {
  readonly user: { id: string; role: 'user' | 'admin' } | null;
  readonly requestId: string;
}
export const t = initTRPC.context<Context>().create();
export const signedIn = t.procedure.use(({ ctx, next }) => {
  if (!ctx.user) throw new TRPCError({ code: 'UNAUTHORIZED' });
  return next({ ctx: { user: ctx.user } });
});
export const ownRouters = {};
`;

const withLatchkey = `
import { initTRPC } from '@trpc/server';
import { createLatchkey, type LatchkeyContext } from 'latchkey/server';

export const latchkey = await createLatchkey({ database: 'file:./app.db' });
export type Context = LatchkeyContext & { readonly requestId: string };
export const t = initTRPC.context<Context>().create({ errorFormatter: latchkey.errorFormatter });
export const signedIn = t.procedure.concat(latchkey.protectedProcedure);
export const ownRouters = latchkey.routers;
`;

/** The files of a host by name. */
export function hostSources(kind: 'plain' | 'latchkey'): ReadonlyMap<string, string> {
  return new Map([
    ['trpc.ts', kind === 'plain' ? withoutLatchkey : withLatchkey],
    ...entities.map((entity) => [`${entity}.ts`, routerSource(entity)] as const),
    ['app.ts', appSource()],
  ]);
}

function appSource(): string {
  return `
import { ownRouters, t } from './trpc.ts';
${entities.map((entity) => `import { ${entity}Router } from './${entity}.ts';`).join('\n')}

export const appRouter = t.router({
  ...ownRouters,
${entities.map((entity) => `  ${entity}s: ${entity}Router,`).join('\n')}
});
export type AppRouter = typeof appRouter;
`;
}

/** Ten procedures: what an application does with a row. */
function routerSource(entity: string): string {
  const Row = `${entity[0]?.toUpperCase()}${entity.slice(1)}`;
  return `
import { TRPCError } from '@trpc/server';
import { z } from 'zod';
import { signedIn, t } from './trpc.ts';

const ${entity} = z.object({
  id: z.uuid(),
  title: z.string().min(1).max(200),
  description: z.string().nullable(),
  status: z.enum(['draft', 'open', 'done', 'archived']),
  amount: z.number().int().nonnegative(),
  tags: z.array(z.string()),
  owner: z.object({ id: z.uuid(), name: z.string(), email: z.email() }),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime().nullable(),
});
export type ${Row} = z.infer<typeof ${entity}>;

const byId = ${entity}.pick({ id: true });
const changes = ${entity}.pick({ title: true, description: true, amount: true, tags: true }).partial();
const page = z.object({
  limit: z.number().int().min(1).max(100).default(20),
  cursor: z.uuid().optional(),
  status: ${entity}.shape.status.optional(),
});
const rows = new Map<string, ${Row}>();

function find(id: string): ${Row} {
  const row = rows.get(id);
  if (!row) throw new TRPCError({ code: 'NOT_FOUND' });
  return row;
}

export const ${entity}Router = t.router({
  list: signedIn
    .input(page)
    .output(z.object({ items: z.array(${entity}), nextCursor: z.uuid().nullable() }))
    .query(({ input }) => {
      const items = [...rows.values()].filter((row) => !input.status || row.status === input.status);
      return { items: items.slice(0, input.limit), nextCursor: items[input.limit]?.id ?? null };
    }),
  byId: signedIn.input(byId).output(${entity}).query(({ input }) => find(input.id)),
  mine: signedIn.query(({ ctx }) => [...rows.values()].filter((row) => row.owner.id === ctx.user.id)),
  count: t.procedure.query(() => rows.size),
  search: signedIn
    .input(z.object({ text: z.string().trim().max(100) }).extend(page.shape))
    .query(({ input }) => [...rows.values()].filter((row) => row.title.includes(input.text))),
  create: signedIn
    .input(${entity}.omit({ id: true, createdAt: true, updatedAt: true }))
    .output(${entity})
    .mutation(({ input }) => {
      const row = { ...input, id: crypto.randomUUID(), createdAt: '2030-01-01T00:00:00Z', updatedAt: null };
      rows.set(row.id, row);
      return row;
    }),
  update: signedIn.input(byId.extend(changes.shape)).mutation(({ input }) => {
    const row = { ...find(input.id), title: input.title ?? find(input.id).title };
    rows.set(row.id, row);
    return row;
  }),
  setStatus: signedIn
    .input(${entity}.pick({ id: true, status: true }))
    .mutation(({ input }) => ({ ...find(input.id), status: input.status })),
  assign: signedIn
    .input(z.object({ id: z.uuid(), owner: ${entity}.shape.owner }))
    .mutation(({ input, ctx }) => ({ row: find(input.id), by: ctx.user.id })),
  remove: signedIn.input(byId).mutation(({ input }) => ({ removed: rows.delete(input.id) })),
});
`;
}

/** Calls fifty procedures, and looks into what they answer. */
export function clientSource(app: string): string {
  const id = `'0190a0a0-0000-7000-8000-000000000000'`;
  const calls = [
    (entity: string) => `(await client.${entity}s.list.query({ limit: 10 })).items[0]?.title`,
    (entity: string) => `(await client.${entity}s.byId.query({ id: ${id} })).owner.email`,
    (entity: string) =>
      `(await client.${entity}s.setStatus.mutate({ id: ${id}, status: 'done' })).tags[0]`,
    (entity: string) => `(await client.${entity}s.search.query({ text: 'a' })).length`,
    (entity: string) => `(await client.${entity}s.remove.mutate({ id: ${id} })).removed`,
  ];
  const lines = Array.from({ length: clientCalls }, (_, index) => {
    const entity = entities[index % entities.length] ?? '';
    return `export const answer${index} = ${calls[index % calls.length]?.(entity)};`;
  });
  return `
import { createTRPCClient, httpBatchLink } from '@trpc/client';
import type { AppRouter } from '${app}';

const client = createTRPCClient<AppRouter>({ links: [httpBatchLink({ url: 'http://localhost:4000/trpc' })] });
${lines.join('\n')}
// @ts-expect-error -- Nothing of it is \`any\`.
export const refused = client.orders.byId.query({ id: 7 });
`;
}
