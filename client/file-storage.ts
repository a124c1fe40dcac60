import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { SessionStorage } from './session-storage.ts';

/**
 * Keeps the session in a file, for command lines and services on Node.
 *
 * The file is written whole beside its place and then renamed, so that nobody
 * ever reads half of one, and is readable by its owner alone (mode 0600; on
 * Windows the folder's permissions decide). A missing folder is made, 0700.
 *
 * Processes that share a file may refresh at the same moment: the server gives
 * both the same successor, and each reads the file again before it refreshes.
 *
 * @param path of the file, from the current folder
 * @throws whatever the file system answers, but for a file that is not there
 */
export function fileStorage(path: string): SessionStorage {
  const file = resolve(path);
  return {
    scope: `latchkey:${file}`,
    get: () => readFile(file, 'utf8').catch(nullWhenMissing),
    set: (value) => replaceFile(file, value),
    remove: () => rm(file, { force: true }),
  };
}

async function replaceFile(file: string, content: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomUUID()}.tmp`;
  try {
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(content);
      // A refresh token that is lost with the power is found spent by the next start.
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

function nullWhenMissing(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
  throw error;
}
