import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder, and those above it that are not there, for this user alone (mode 0700).
 *
 * Node's own `recursive` goes round forever where a folder is there and says of what is made in it
 * that it is not, as `/proc` does (Node 24.21).
 *
 * @throws Error of the system, with its code
 */
export function makeFolders(path: string): void {
  if (isThere(path)) return;
  const above = dirname(path);
  if (above !== path) makeFolders(above);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    // Another process was faster; or else it is a link that leads nowhere.
    if (code === 'EEXIST' && isThere(path)) return;
    if (code !== 'ENOENT') throw error;
    throw Object.assign(new Error('Nothing can be made there.'), { code: 'EROFS' });
  }
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
