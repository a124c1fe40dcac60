import { pbkdf2 } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { promisify } from 'node:util';

/**
 * Lets everything else go before the hashing of passwords, when there is too
 * little processor for both: Linux schedules by thread, and hashes are computed
 * in the threads of libuv's pool, which nothing on the way of a signed-in call uses.
 * Elsewhere, and where the process may not, nothing changes.
 */
export async function lowerHashPriority(): Promise<void> {
  if (process.platform !== 'linux') return;
  // The pool's threads begin with its first work.
  await promisify(pbkdf2)('', '', 1, 1, 'sha256');
  for (const thread of readdirSync('/proc/self/task')) {
    try {
      const name = readFileSync(`/proc/self/task/${thread}/comm`, 'utf8').trimEnd();
      if (name === 'libuv-worker') setPriority(Number(thread), constants.priority.PRIORITY_LOW);
    } catch {
      // The thread has ended meanwhile, or lowering is not allowed: it goes on as it was.
    }
  }
}
