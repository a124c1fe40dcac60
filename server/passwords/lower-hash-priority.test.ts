import { readdirSync, readFileSync } from 'node:fs';
import { constants, getPriority } from 'node:os';
import { afterEach, expect, test, vi } from 'vitest';
import { lowerHashPriority } from './lower-hash-priority.ts';
import { createPasswordHasher } from './password-hasher.ts';

/** Elsewhere a thread has no priority of its own. */
const systems = process.platform === 'linux' ? ['Linux'] : [];

afterEach(() => {
  vi.unstubAllGlobals();
});

/** The priorities of the threads of this process, those of libuv's pool apart. */
async function readPriorities() {
  // The pool's threads begin with its first work.
  await createPasswordHasher({ cost: 4, pepper: Buffer.alloc(32) }).hash('password');
  const threads = readdirSync('/proc/self/task').map((id) => ({
    name: readFileSync(`/proc/self/task/${id}/comm`, 'utf8').trim(),
    priority: getPriority(Number(id)),
  }));
  const isOfPool = ({ name }: { name: string }) => name === 'libuv-worker';
  return {
    pool: threads.filter(isOfPool).map(({ priority }) => priority),
    others: threads.filter((thread) => !isOfPool(thread)).map(({ priority }) => priority),
  };
}

test.for(systems)('elsewhere than on %s nothing changes', async () => {
  const before = await readPriorities();
  vi.stubGlobal('process', Object.create(process, { platform: { value: 'darwin' } }));
  await lowerHashPriority();
  expect(await readPriorities()).toEqual(before);
});

test.for(systems)('on %s the threads that hash go last, and no others', async () => {
  const before = await readPriorities();
  await lowerHashPriority();
  const after = await readPriorities();
  expect(new Set(after.pool)).toEqual(new Set([constants.priority.PRIORITY_LOW]));
  expect(new Set(after.others)).toEqual(new Set(before.others));
});
