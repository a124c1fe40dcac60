import { z } from 'zod';

/** A schema of JSON Schema 2020-12, which OpenAPI 3.1 takes as it is. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** What is known of a value. */
export interface DescribedValue {
  /** `{}` where nothing is known. */
  readonly schema: JsonSchema;
  readonly isRequired: boolean;
}

/** Describes values, and gathers the schemas that have a name. */
export interface SchemaWriter {
  /** What may be sent to, or comes from, a parser of any library. Never throws. */
  describe(parser: unknown, io: 'input' | 'output'): DescribedValue;
  /** `components.schemas` of the document. */
  readonly components: Record<string, JsonSchema>;
}

/** Names that may stand in a `$ref` of OpenAPI. */
const componentName = /^[A-Za-z][A-Za-z0-9._-]*$/;

/** In JSON these formats say all that zod's patterns say, which are as long as a paragraph. */
const selfExplaining: readonly unknown[] = ['date-time', 'uuid'];

export function createSchemaWriter(): SchemaWriter {
  const components: Record<string, JsonSchema> = {};

  /** Puts a schema under its name, unless another one is there. */
  function claim(name: string, schema: JsonSchema): boolean {
    const known = components[name];
    if (known && JSON.stringify(known) !== JSON.stringify(schema)) return false;
    components[name] = schema;
    return true;
  }

  /** Copies a schema, where references lead to the components and what has a title becomes one. */
  function adopt(value: unknown, names: ReadonlyMap<string, string>): unknown {
    if (Array.isArray(value)) return value.map((each) => adopt(each, names));
    if (typeof value !== 'object' || value === null) return value;
    const copy: Record<string, unknown> = {};
    for (const [key, each] of Object.entries(value)) {
      copy[key] = literalKeys.has(key) ? each : adopt(each, names);
    }
    const { $ref, title } = copy;
    if (typeof $ref === 'string') {
      copy['$ref'] = refTo(names.get($ref.replace('#/$defs/', '')) ?? $ref);
    }
    const isNamed = typeof title === 'string' && componentName.test(title);
    return isNamed && claim(title, copy) ? { $ref: refTo(title) } : copy;
  }

  /** Gives definitions names that are free, or that mean the same already. */
  function adoptDefinitions(definitions: Readonly<Record<string, unknown>>): Map<string, string> {
    for (let attempt = 1; ; attempt += 1) {
      const names = new Map(
        Object.keys(definitions).map((name) => [name, nameFor(name, attempt)] as const),
      );
      const isTaken = [...names].some(([name, wanted]) => {
        const known = components[wanted];
        return known && JSON.stringify(known) !== JSON.stringify(adopt(definitions[name], names));
      });
      if (isTaken) continue;
      for (const [name, wanted] of names) {
        components[wanted] = adopt(definitions[name], names) as JsonSchema; // A schema is an object.
      }
      return names;
    }
  }

  function describe(parser: unknown, io: 'input' | 'output'): DescribedValue {
    try {
      const { value, isRequired, definitions } = toJsonSchema(parser, io);
      return { schema: adopt(value, adoptDefinitions(definitions)) as JsonSchema, isRequired };
    } catch {
      // A schema that cannot be written as JSON Schema is one of which nothing is known.
      return { schema: {}, isRequired: false };
    }
  }

  return { describe, components };
}

/** Keys whose values are no schemas. */
const literalKeys = new Set(['const', 'default', 'enum', 'examples']);

function refTo(name: string): string {
  return `#/components/schemas/${name}`;
}

/** zod numbers what has no name of its own and is referred to, as a recursive schema is. */
function nameFor(definition: string, attempt: number): string {
  const name = componentName.test(definition) ? definition : 'Recursive';
  const number = /^__schema(?<number>\d+)$/.exec(definition)?.groups?.['number'] ?? '';
  return `${name}${number}${attempt === 1 ? '' : `-${attempt}`}`;
}

interface Converted {
  readonly value: unknown;
  readonly isRequired: boolean;
  readonly definitions: Readonly<Record<string, unknown>>;
}

function toJsonSchema(parser: unknown, io: 'input' | 'output'): Converted {
  if (!(parser instanceof z.core.$ZodType)) return readStandardSchema(parser, io);
  // As a property, because there zod says whether it may be left out, and a recursion is named.
  const { properties, required, $defs } = z.toJSONSchema(z.object({ value: parser }), {
    io,
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      if (selfExplaining.includes(jsonSchema.format)) delete jsonSchema.pattern;
      // What zod says of every integer says nothing of this one.
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      // `JSON.stringify` writes a date so.
      if (io === 'output' && zodSchema._zod.def.type === 'date') {
        Object.assign(jsonSchema, { type: 'string', format: 'date-time' });
      }
    },
  });
  return {
    value: properties?.['value'] ?? {},
    isRequired: required?.includes('value') ?? false,
    definitions: $defs ?? {},
  };
}

/**
 * Other libraries may write JSON Schema themselves.
 *
 * @see https://standardschema.dev/json-schema
 */
function readStandardSchema(parser: unknown, io: 'input' | 'output'): Converted {
  const standard = (parser as { readonly '~standard'?: StandardJsonSchema })['~standard'];
  const written = standard?.jsonSchema?.[io]({ target: 'draft-2020-12' }) ?? {};
  const { $schema: _, $defs = {}, ...value } = written;
  // Where it refers to itself there is no name for it.
  if (JSON.stringify(value).includes('"$ref":"#"')) return unknownValue;
  return { value, isRequired: false, definitions: $defs as Converted['definitions'] };
}

interface StandardJsonSchema {
  readonly jsonSchema?: Readonly<
    Record<'input' | 'output', (options: { readonly target: string }) => Record<string, unknown>>
  >;
}

const unknownValue: Converted = { value: {}, isRequired: false, definitions: {} };
