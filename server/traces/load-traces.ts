import type { Traces } from './traces.ts';

/**
 * Where @opentelemetry/api keeps what a host registers, for every copy of it in the process. To
 * import it just to ask takes longer than all else of a start.
 */
const registered = Symbol.for('opentelemetry.js.api.1');

/**
 * Spans for whoever has registered a tracer provider by now, `null` for everybody else: nothing is
 * loaded for them, and nothing stands in the way of a call.
 *
 * @param databaseSystem as OpenTelemetry's conventions call it
 */
export async function loadTraces(databaseSystem: 'postgresql' | 'sqlite'): Promise<Traces | null> {
  const api = (globalThis as { readonly [registered]?: { readonly trace?: unknown } })[registered];
  if (api?.trace === undefined) return null;
  try {
    const [otel, { createTraces }] = await Promise.all([
      import('@opentelemetry/api'),
      import('./create-traces.ts'),
    ]);
    return createTraces(otel, databaseSystem);
  } catch (error) {
    // It belongs to a package that has its own copy: the host has not asked for our spans.
    if (error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND') {
      return null;
    }
    throw error;
  }
}
