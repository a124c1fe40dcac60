/** Spans as OpenTelemetry's own SDK gets them. */
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace';
import { initTRPC } from '@trpc/server';
import type { LatchkeyContext } from 'latchkey/server';
import { afterEach, expect, test } from 'vitest';
import { createTestLatchkey } from '../kit/create-test-latchkey.ts';
import { lacks, mode } from '../kit/mode.ts';
import { createApi, goodPassword, register } from './api.ts';

// Before anything is registered: nothing listens to a call, and no part is wrapped.
{
  await using t = await createTestLatchkey();
  test('without a tracer provider nothing is there to be paid for', () => {
    expect(t.composition.observers.calls).toBeUndefined();
  });
}

const exporter = new InMemorySpanExporter();
const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
propagation.setGlobalPropagator(new W3CTraceContextPropagator());
trace.setGlobalTracerProvider(provider);

afterEach(() => exporter.reset());

const traceId = '0af7651916cd43dd8448eb211c80319c';
const callerId = 'b7ad6b7169203331';
const traceparent = `00-${traceId}-${callerId}-01`;

function spanOf(name: string): ReadableSpan {
  const found = exporter.getFinishedSpans().filter((span) => span.name === name);
  if (found.length !== 1 || !found[0]) throw new Error(`${found.length} spans are named ${name}.`);
  return found[0];
}

function idOf(span: ReadableSpan): string {
  return span.spanContext().spanId;
}

function childrenOf(parent: ReadableSpan): string[] {
  const children = exporter
    .getFinishedSpans()
    .filter(({ parentSpanContext }) => parentSpanContext?.spanId === idOf(parent));
  return children.map(({ name }) => name);
}

test('a call is a span in the trace of its caller, and its work is below it', async () => {
  await using t = await createTestLatchkey();
  const api = createApi((await t.serve()).url);
  const ada = await register(api);
  exporter.reset();
  await api.mutate('auth.login', {
    input: { email: ada.user.email, password: goodPassword },
    headers: { traceparent },
  });
  const login = spanOf('auth.login');
  expect(login).toMatchObject({
    kind: SpanKind.SERVER,
    attributes: { 'rpc.system': 'trpc', 'rpc.method': 'auth.login' },
    status: { code: SpanStatusCode.UNSET },
    parentSpanContext: { traceId, spanId: callerId },
    instrumentationScope: { name: 'latchkey' },
  });
  expect(childrenOf(login)).toEqual([
    'store.findCredential',
    'store.listAddresses',
    'password.verify',
    'store.startSession',
  ]);
  expect(spanOf('store.startSession')).toMatchObject({
    kind: SpanKind.CLIENT,
    attributes: {
      'db.system.name': mode.database === null ? 'sqlite' : 'postgresql',
      'db.operation.name': 'startSession',
    },
  });
});

test('a refusal says why, and is no error', async () => {
  await using t = await createTestLatchkey();
  const api = createApi((await t.serve()).url);
  await api.query('user.me');
  expect(spanOf('user.me')).toMatchObject({
    attributes: { 'error.type': 'token_missing' },
    status: { code: SpanStatusCode.UNSET },
  });
});

// It closes the store of one Latchkey, and the next call would meet another.
test.skipIf(lacks('one process'))('what is our fault is an error', async () => {
  await using t = await createTestLatchkey();
  const api = createApi((await t.serve()).url);
  await t.composition.accounts.store.close();
  const input = { email: 'a@example.com', password: goodPassword };
  await api.mutate('auth.login', { input });
  expect(spanOf('auth.login').status.code).toBe(SpanStatusCode.ERROR);
  expect(spanOf('store.findCredential').status.code).toBe(SpanStatusCode.ERROR);
});

test.each([
  ['in a batch', {}],
  ['in lines as they come', { 'trpc-accept': 'application/jsonl' }],
])('each call %s is a span of the same trace', async (_how, headers) => {
  await using t = await createTestLatchkey();
  const api = createApi((await t.serve()).url);
  await api.send('/trpc/user.me,session.list?batch=1', { headers: { traceparent, ...headers } });
  for (const path of ['user.me', 'session.list']) {
    expect(spanOf(path)).toMatchObject({
      parentSpanContext: { traceId, spanId: callerId },
      attributes: { 'rpc.method': path, 'error.type': 'token_missing' },
    });
  }
});

test("a host's own spans are around a call and in it", async () => {
  await using t = await createTestLatchkey();
  const tracer = trace.getTracer('host');
  const trpc = initTRPC.context<LatchkeyContext>().create();
  const router = trpc.router({
    work: trpc.procedure.query(async () => {
      await Promise.resolve();
      tracer.startSpan('of the host').end();
    }),
  });
  const handle = t.latchkey.fetchHandler({ router, createContext: t.latchkey.createContext });
  await tracer.startActiveSpan('http', async (span) => {
    await handle(new Request('http://localhost/trpc/work', { headers: { traceparent } }));
    span.end();
  });
  expect(childrenOf(spanOf('http'))).toEqual(['work']);
  expect(childrenOf(spanOf('work'))).toEqual(['of the host']);
});

test('lines of the log name the span that they are written in', async () => {
  const lines: object[] = [];
  const write = (fields: object) => lines.push(fields);
  await using t = await createTestLatchkey({ logger: { info() {}, warn: write, error: write } });
  const trpc = initTRPC
    .context<LatchkeyContext>()
    .create({ errorFormatter: t.latchkey.errorFormatter });
  const router = trpc.router({
    fail: trpc.procedure.query(() => {
      throw new Error('unexpected');
    }),
  });
  const { url } = await t.serve({ router, createContext: t.latchkey.createContext });
  await createApi(url).query('fail', { headers: { traceparent } });
  expect(lines).toMatchObject([{ path: 'fail', trace_id: traceId, span_id: idOf(spanOf('fail')) }]);
});

test('nothing of anybody stands in a span', async () => {
  await using t = await createTestLatchkey();
  const api = createApi((await t.serve()).url);
  const ada = await register(api);
  const { email } = ada.user;
  await api.mutate('auth.login', { input: { email, password: goodPassword } });
  await api.mutate('auth.login', { input: { email, password: 'wrong wrong wrong' } });
  await api.query('session.list', { token: ada.accessToken });
  await api.mutate('auth.refresh', { input: { refreshToken: ada.refreshToken } });
  await api.query('user.me', { token: `${ada.accessToken}x` });
  const spans = exporter.getFinishedSpans();
  expect(spans.length).toBeGreaterThan(10);
  const said = JSON.stringify(
    spans.map(({ name, attributes, events, status, links }) => [
      name,
      attributes,
      events,
      status,
      links,
    ]),
  );
  const secrets = [email, ada.user.id, ada.accessToken, ada.refreshToken, goodPassword, '127.0.0'];
  for (const secret of [...secrets, 'wrong wrong']) expect(said).not.toContain(secret);
});
