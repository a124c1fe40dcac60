/** A JSON schema, as far as the API's document has them. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly description?: string;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** A schema as a type of TypeScript: `{ revoked: boolean }`. */
export function writeType(schema: Schema): string {
  const { $ref, type, anyOf, properties, items, additionalProperties } = schema;
  if ($ref !== undefined) return $ref.replace(/^.*\//, '');
  if (anyOf) return anyOf.map(writeType).join(' | ');
  // A name tells more than all of them in a row.
  if (schema.enum?.includes('invalid_credentials')) {
    return schema.enum.includes(null) ? 'Reason | null' : 'Reason';
  }
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if ('const' in schema) return JSON.stringify(schema.const);
  if (items) return `${parenthesised(writeType(items))}[]`;
  if (properties) {
    const fields = Object.entries(properties).map(
      ([name, field]) =>
        `${name}${schema.required?.includes(name) ? '' : '?'}: ${writeType(field)}`,
    );
    return fields.length === 0 ? '{}' : `{ ${fields.join('; ')} }`;
  }
  if (type === 'object') {
    const value = typeof additionalProperties === 'object' ? writeType(additionalProperties) : '';
    return `Record<string, ${value || 'unknown'}>`;
  }
  if (type === undefined) return 'unknown';
  return [type].flat().map(plainType).join(' | ');
}

function parenthesised(type: string): string {
  return type.includes(' | ') ? `(${type})` : type;
}

function plainType(type: string): string {
  return type === 'integer' ? 'number' : type;
}

/** What a schema asks for beyond its type, in words. */
export function writeBounds(schema: Schema): string {
  const { type, format, minLength, maxLength, description } = schema;
  const [minimum, maximum] = [schema.minimum, schema.maximum].map(boundOf);
  const inside = schema.anyOf?.find((each) => each.type !== 'null');
  if (inside) return writeBounds({ ...inside, ...(description && { description }) });
  const isSaid = description?.includes('characters') ?? false;
  const isLength = !isSaid && (minLength !== undefined || maxLength !== undefined);
  const isRange = minimum !== undefined || maximum !== undefined;
  return [
    ...([type].flat().includes('integer') ? ['whole'] : []),
    ...(format === undefined || format === 'password' ? [] : [format]),
    ...(isLength ? [`${range(minLength, maxLength)} characters`] : []),
    ...(isRange ? [range(minimum, maximum)] : []),
    ...('default' in schema ? [`${JSON.stringify(schema.default)} by default`] : []),
    ...(description === undefined ? [] : [description]),
  ].join('; ');
}

/** What every integer keeps to anyway is none. */
function boundOf(bound: number | undefined): number | undefined {
  return bound === undefined || Math.abs(bound) === Number.MAX_SAFE_INTEGER ? undefined : bound;
}

function range(least: number | undefined, most: number | undefined): string {
  if (least === undefined) return `at most ${most}`;
  return most === undefined ? `at least ${least}` : `${least} to ${most}`;
}
