import { ConfigurationError } from '../config/configuration-error.ts';
import { reservedClaims, type ReservedClaim } from './access-token.ts';

/** What JSON can hold. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/**
 * The host's own claims: JSON values, under names that neither Latchkey nor a standard gives a
 * meaning. What is `undefined` is left out of the token. Name the type of yours by `type` and not
 * by `interface`, which TypeScript takes for open to values of any kind.
 */
export type CustomClaims = Readonly<Record<string, JsonValue | undefined>> & {
  readonly [Name in ReservedClaim]?: never;
};

/** The most that they may come to as JSON, in bytes; they go along with every call in a header. */
const maxClaimsBytes = 4_096;

/**
 * Reads what a host's function returned for a token.
 *
 * @throws ConfigurationError that names the claim, and never its value
 */
export function readCustomClaims(returned: CustomClaims): Readonly<Record<string, unknown>> {
  const claims = Object.entries(returned).filter(([, value]) => value !== undefined);
  for (const [name, value] of claims) assertClaim(name, value);
  const read = Object.fromEntries(claims);
  if (Buffer.byteLength(JSON.stringify(read)) > maxClaimsBytes) {
    throw refuse(`too long. Wanted: at most ${maxClaimsBytes} bytes, such as ids and not records.`);
  }
  return read;
}

function assertClaim(name: string, value: unknown): void {
  if (reservedClaims.some((reserved) => reserved === name)) {
    throw refuse(`"${name}" has a meaning of its own in a token. Wanted: another name.`);
  }
  if (!isJson(value)) {
    throw refuse(`"${name}" is not JSON. Wanted: text, numbers, booleans, null, arrays, objects.`);
  }
}

function refuse(problem: string): ConfigurationError {
  return new ConfigurationError([`claims: ${problem}`]);
}

/** True for what comes back from JSON as it went in. */
function isJson(value: unknown): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object') return false;
  if (Array.isArray(value)) return value.every(isJson);
  const prototype: unknown = Object.getPrototypeOf(value);
  return (
    (prototype === Object.prototype || prototype === null) && Object.values(value).every(isJson)
  );
}
