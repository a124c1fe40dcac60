import { initTRPC } from '@trpc/server';
import type { LatchkeyContext } from 'latchkey/server';
import { expect, test } from 'vitest';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';
import { createApi, errorOf } from './api.ts';
import { like } from './like.ts';

/** A server with a procedure that fails, and what it logs. */
async function createFailing(trustedProxies: readonly string[]) {
  const lines: object[] = [];
  const write = (fields: object, message: string) => lines.push({ ...fields, message });
  const t = await createTestLatchkey({
    trustedProxies: [...trustedProxies],
    logger: { info: write, warn: write, error: write },
  });
  const trpc = initTRPC.context<LatchkeyContext>().create({
    isDev: false,
    errorFormatter: t.latchkey.errorFormatter,
  });
  const router = trpc.router({
    fail: trpc.procedure.query(() => {
      throw new Error('unexpected');
    }),
    failBehind: trpc.procedure.concat(t.latchkey.publicProcedure).query(() => {
      throw new Error('unexpected');
    }),
  });
  const { url } = await t.serve({ router, createContext: t.latchkey.createContext });
  return { t, lines, api: createApi(url) };
}

test.each([['fail'], ['failBehind']])(
  'what a trusted proxy calls a request stands in its answer and in every line (%s)',
  async (path) => {
    const { t, lines, api } = await createFailing(['127.0.0.1']);
    await using _ = t;
    const answer = await api.query(path, { headers: { 'x-request-id': 'of-the-proxy' } });
    expect(answer.headers.get('x-request-id')).toBe('of-the-proxy');
    expect(errorOf(answer).data.requestId).toBe('of-the-proxy');
    expect(lines).toMatchObject([
      { requestId: 'of-the-proxy', path, message: 'call failed' },
      { requestId: 'of-the-proxy', path: `/trpc/${path}`, status: 500, message: 'request' },
    ]);
  },
);

test('what a stranger calls it stands nowhere', async () => {
  const { t, lines, api } = await createFailing([]);
  await using _ = t;
  const answer = await api.query('fail', { headers: { 'x-request-id': 'of-a-stranger' } });
  const requestId = answer.headers.get('x-request-id');
  expect(requestId).toEqual(like.id);
  expect(errorOf(answer).data.requestId).toBe(requestId);
  expect(lines).toMatchObject([{ requestId }, { requestId }]);
  expect(JSON.stringify([answer, lines])).not.toContain('stranger');
});

test.each([
  ['/health/live', {}],
  ['/trpc/no/path', {}],
  ['/trpc/fail', { method: 'PUT' }],
  ['/trpc/fail,fail?batch=1', { headers: { 'trpc-accept': 'application/jsonl' } }],
  ['/oauth/token', { method: 'POST' }],
])('%s %j is answered with an id of its own', async (target, init) => {
  const { t, lines, api } = await createFailing([]);
  await using _ = t;
  const ids = new Set<string | null>();
  for (const answer of [await api.send(target, init), await api.send(target, init)]) {
    ids.add(answer.headers.get('x-request-id'));
  }
  expect([...ids]).toEqual([like.id, like.id]);
  expect(new Set(lines.map((line) => (line as { requestId: string }).requestId))).toEqual(ids);
});
