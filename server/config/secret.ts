import { hkdfSync } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Runtime } from '../runtime.ts';
import { makeFolders } from '../store/sqlite/make-folders.ts';
import { ConfigurationError } from './configuration-error.ts';

const minBytes = 32;
/** 32 random bytes have about 30 different values; fewer than this is no accident. */
const minDistinctBytes = 16;
const wordsOfPlaceholders =
  /secret|change|password|placeholder|example|default|latchkey|insecure|replace|develop|testing|string/i;

/** Keys are made from the one secret, each for one purpose (RFC 5869). */
export function deriveKey(
  secret: Uint8Array,
  purpose: 'seal' | 'pepper' | 'audit' | 'limits',
): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(), `latchkey ${purpose}`, 32));
}

/**
 * Reads a secret as it is configured: at least 32 random bytes, base64url or hex.
 *
 * @throws ConfigurationError that names the variable and says what is wrong, never the value
 */
export function decodeSecret(text: string): Uint8Array {
  const problem = findProblem(text);
  if (problem !== null) throw refuse(problem);
  return new Uint8Array(toBytes(text));
}

/** True for what is good enough to be a secret. */
export function isSecret(text: string): boolean {
  return findProblem(text) === null;
}

function isHex(text: string): boolean {
  return /^([0-9a-f]{2})+$/i.test(text);
}

function toBytes(text: string): Buffer {
  return Buffer.from(text, isHex(text) ? 'hex' : 'base64url');
}

function findProblem(text: string): string | null {
  // With its padding or without (RFC 4648 §5).
  if (!isHex(text) && !/^[A-Za-z0-9_-]+={0,2}$/.test(text)) return 'neither base64url nor hex';
  const bytes = toBytes(text);
  if (bytes.length < minBytes) return 'too short';
  if (new Set(bytes).size < minDistinctBytes || [bytes, Buffer.from(text)].some(isRegular)) {
    return 'repeated or in sequence';
  }
  const isText = bytes.every((byte) => byte >= 0x20 && byte < 0x7f);
  // Of random bytes as base64url, less than one in a thousand million has letters of one case alone.
  const isOfOneCase = !isHex(text) && !(/[a-z]/.test(text) && /[A-Z]/.test(text));
  if (isText || isOfOneCase || wordsOfPlaceholders.test(text)) return 'words, not random bytes';
  return null;
}

/** True for what says its beginning again, and for what goes on mostly in even steps. */
function isRegular(values: Uint8Array): boolean {
  const steps = new Map<number, number>();
  for (let index = 1; index < values.length; index += 1) {
    const step = ((values[index] ?? 0) - (values[index - 1] ?? 0)) & 0xff;
    steps.set(step, (steps.get(step) ?? 0) + 1);
  }
  if (Math.max(...steps.values()) > values.length / 2) return true;
  for (let period = 1; period <= values.length / 2; period += 1) {
    if (values.every((value, index) => index < period || value === values[index - period])) {
      return true;
    }
  }
  return false;
}

/**
 * Checks the configured secret without using it.
 *
 * @throws ConfigurationError when it is not good, or missing in production
 */
export function assertSecret(configured: string | undefined, production: boolean): void {
  if (configured !== undefined) decodeSecret(configured);
  else if (production) throw refuse('not set');
}

function refuse(problem: string): ConfigurationError {
  return new ConfigurationError([
    `LATCHKEY_SECRET: ${problem}. Wanted: at least 32 random bytes as base64url or hex; "npx latchkey secret" prints some.`,
  ]);
}

/** Nothing is wrong with a secret then, but with the place where it is kept. */
function refusePlace(problem: string): ConfigurationError {
  return new ConfigurationError([
    `DATABASE_URL: the secret beside it ${problem}. Name a file in a folder that this user may read and write, or set LATCHKEY_SECRET.`,
  ]);
}

/** A new secret, as it is configured. */
export function createSecret(runtime: Runtime): string {
  return runtime.randomBytes(minBytes).toString('base64url');
}

/** Where a secret that nobody configured is kept: beside the database. */
export function secretPathOf(databasePath: string): string {
  return `${databasePath}.secret`;
}

/**
 * The secret of this installation: the configured one; else, outside production,
 * the one kept beside the database (mode 0600), which is made when it is missing.
 *
 * @param databasePath a file, or `:memory:`, for which the secret lives as long as the process
 * @returns the secret, and the path of the file if it was made just now
 * @throws ConfigurationError
 */
export function loadSecret(options: {
  readonly configured: string | undefined;
  readonly databasePath: string;
  readonly production: boolean;
  readonly runtime: Runtime;
}): { secret: Uint8Array; createdPath: string | null } {
  const { configured, databasePath, production, runtime } = options;
  assertSecret(configured, production);
  if (configured !== undefined) return { secret: decodeSecret(configured), createdPath: null };
  if (databasePath === ':memory:') {
    return { secret: decodeSecret(createSecret(runtime)), createdPath: null };
  }
  const path = secretPathOf(databasePath);
  const existing = readSecretFile(path);
  if (existing) return { secret: existing, createdPath: null };
  writeSecretFile(path, createSecret(runtime), runtime.newId());
  // Read again: of two processes that start at once, one secret stays.
  const secret = readSecretFile(path);
  if (!secret) throw refusePlace('cannot be kept');
  return { secret, createdPath: path };
}

function readSecretFile(path: string): Uint8Array | null {
  try {
    return decodeSecret(readFileSync(path, 'utf8').trimEnd());
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    if (error instanceof ConfigurationError) throw error;
    throw refusePlace('cannot be read');
  }
}

/** Writes the whole file under another name first, so that nobody reads half of it. */
function writeSecretFile(path: string, secret: string, unique: string): void {
  const written = `${path}.${unique}`;
  try {
    makeFolders(dirname(path));
    writeFileSync(written, `${secret}\n`, { mode: 0o600, flag: 'wx' });
    linkSync(written, path);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) {
      throw refusePlace('cannot be kept');
    }
  } finally {
    rmSync(written, { force: true });
  }
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
