import type { TRPCDataTransformer } from '@trpc/server';
import type { JsonSchema } from './json-schema.ts';

/** How values of a router look in requests and answers. */
export interface Wire {
  schema(ofValue: JsonSchema): JsonSchema;
  /** @throws whatever the transformer throws */
  value(value: unknown): unknown;
  /** What a reader has to know, if there is anything. */
  readonly note: string | null;
}

/**
 * A transformer is code, and what it makes of a value is seen only by asking it: it leaves it as
 * it is, puts it under `json` as superjson does, or does what no schema can say.
 */
export function createWire({ serialize }: TRPCDataTransformer): Wire {
  const probe = { probe: 1 };
  const written = attempt(() => serialize(probe) as unknown);
  if (written === probe) return { schema: (schema) => schema, value: (value) => value, note: null };
  if (isObject(written) && JSON.stringify(written['json']) === JSON.stringify(probe)) {
    return {
      schema: (json) => ({
        type: 'object',
        properties: { json, meta: { description: 'Types that JSON has no words for.' } },
        required: ['json'],
      }),
      value: serialize,
      note: 'Its transformer writes each value as `{ "json": … }`, and beside it `meta` for what JSON cannot say, such as dates.',
    };
  }
  return {
    schema: () => ({}),
    value: serialize,
    note: 'Its transformer writes values in a form of its own, so that their schemas are not told here.',
  };
}

function attempt(read: () => unknown): unknown {
  try {
    return read();
  } catch {
    return undefined; // A transformer that refuses a plain object has a form of its own.
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
