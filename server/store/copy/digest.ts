import { hash } from 'node:crypto';
import type { Row } from './copied-tables.ts';

/** Of no rows. */
export const emptyDigest = '';

/**
 * The SHA-256 of the digest of all rows before and of this one, so that a digest can be kept and
 * gone on with. The same for the same values, whichever database they come from.
 */
export function digestRow(before: string, row: Row): string {
  return hash('sha256', before + JSON.stringify(row.map(toJson)));
}

function toJson(value: unknown): unknown {
  return value instanceof Uint8Array ? { bytes: Buffer.from(value).toString('base64') } : value;
}
