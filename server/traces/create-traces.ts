import type * as OpenTelemetry from '@opentelemetry/api';
import type { Span, SpanOptions, TextMapGetter } from '@opentelemetry/api';
import { LatchkeyError } from '../../shared/latchkey-error.ts';
import type { IncomingCall } from '../http/handler.ts';
import type { CallObserver, CallOutcome } from '../http/watch-calls.ts';
import type { Logger } from '../logger.ts';
import { readPackageJson } from '../package-json.ts';
import { watchStore } from '../store/watch-store.ts';
import type { Traces } from './traces.ts';

/** What is the server's fault; for everything else a caller's, the span is no error of this service. */
const faults: readonly CallOutcome[] = ['internal', 'overloaded'];

/**
 * Spans with nothing in them but names of procedures and operations, and reasons.
 *
 * @see https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans/ and …/db/database-spans/
 */
export function createTraces(
  {
    context,
    isSpanContextValid,
    propagation,
    SpanKind,
    SpanStatusCode,
    trace,
  }: typeof OpenTelemetry,
  databaseSystem: 'postgresql' | 'sqlite',
): Traces {
  const tracer = trace.getTracer('latchkey', readPackageJson().version);

  function fail(span: Span, outcome: CallOutcome): void {
    span.setAttribute('error.type', outcome);
    if (faults.includes(outcome)) span.setStatus({ code: SpanStatusCode.ERROR });
  }

  const calls: CallObserver = {
    request(request, work) {
      // A host that traces its HTTP server has read the headers already.
      if (trace.getActiveSpan()) return work();
      return context.with(propagation.extract(context.active(), request, headerGetter), work);
    },

    call(path, run, outcomeOf) {
      const attributes = { 'rpc.system': 'trpc', 'rpc.method': path };
      return tracer.startActiveSpan(path, { kind: SpanKind.SERVER, attributes }, async (span) => {
        let outcome: CallOutcome = 'ok';
        try {
          const value = await run();
          outcome = outcomeOf({ value });
          return value;
        } catch (error) {
          outcome = outcomeOf({ error });
          throw error;
        } finally {
          if (outcome !== 'ok') fail(span, outcome);
          span.end();
        }
      });
    },

    refusal() {}, // What was never made has no span.
  };

  /** A part of a call; what nobody called, such as pruning, is nobody's trace. */
  function within<T>(name: string, options: SpanOptions, run: () => Promise<T>): Promise<T> {
    if (!trace.getActiveSpan()?.isRecording()) return run();
    return tracer.startActiveSpan(name, options, async (span) => {
      try {
        return await run();
      } catch (error) {
        fail(span, error instanceof LatchkeyError ? error.reason : 'internal');
        throw error;
      } finally {
        span.end();
      }
    });
  }

  /** Of the span that a line is written in. */
  function spanFields(): object {
    const span = trace.getActiveSpan()?.spanContext();
    if (!span || !isSpanContextValid(span)) return {};
    return { trace_id: span.traceId, span_id: span.spanId };
  }

  return {
    calls,

    watchStore: (store) =>
      watchStore(store, (operation, run) => {
        const attributes = {
          'db.system.name': databaseSystem,
          'db.operation.name': operation,
        };
        return within(`store.${operation}`, { kind: SpanKind.CLIENT, attributes }, run);
      }),

    watchHasher: (hasher) => ({
      ...hasher,
      hash: (password) => within('password.hash', {}, () => hasher.hash(password)),
      verify: (password, storedHash) =>
        within('password.verify', {}, () => hasher.verify(password, storedHash)),
    }),

    watchLogger(logger) {
      const write =
        (level: keyof Logger) =>
        (fields: object, message: string): void =>
          logger[level]({ ...fields, ...spanFields() }, message);
      return { info: write('info'), warn: write('warn'), error: write('error') };
    },
  };
}

/** Of a header that was sent twice neither is believed. */
const headerGetter: TextMapGetter<Pick<IncomingCall, 'headers'>> = {
  keys: () => [],
  get(request, name) {
    const values = request.headers(name);
    return values.length === 1 ? values[0] : undefined;
  },
};
