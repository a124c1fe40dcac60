import { setImmediate as turnOfEventLoop } from 'node:timers/promises';
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { createRuntime } from '../../runtime.ts';
import { createLockLine } from './lock-line.ts';

/** A database whose lock another process holds until it is told to let go. */
function createScene() {
  let isLocked = true;
  let tries = 0;
  let pausedMs = 0;
  let proceed = () => {};
  const inLine = createLockLine({
    ...createRuntime(() => {
      throw new Error('A clock can be set back, so that no wait may hang on it.');
    }),
    delay: (delayMs) =>
      new Promise((resolve) => {
        pausedMs += delayMs;
        proceed = resolve;
      }),
  });
  return {
    inLine,
    call: <T>(result: T) =>
      inLine(() => {
        tries += 1;
        if (isLocked) throw sqliteError('SQLITE_BUSY');
        return result;
      }),
    release() {
      isLocked = false;
    },
    lock() {
      isLocked = true;
    },
    /** Ends the pause of the line. */
    async turn() {
      proceed();
      await turnOfEventLoop();
    },
    tries: () => tries,
    pausedMs: () => pausedMs,
  };
}

function sqliteError(code: string): Error {
  return Object.assign(new Error('insert into users values (a secret)'), { code });
}

test('what finds no lock runs before the call returns', async () => {
  const scene = createScene();
  scene.release();
  const answer = scene.call('done');
  expect(scene.tries()).toBe(1);
  expect(await answer).toBe('done');
  expect(scene.pausedMs()).toBe(0);
});

test('however many wait, the lock is tried once in each turn', async () => {
  const scene = createScene();
  const calls = Promise.all(Array.from({ length: 100 }, (_, n) => scene.call(n)));
  expect(scene.tries()).toBe(1);
  for (let turn = 0; turn < 5; turn += 1) await scene.turn();
  expect(scene.tries()).toBe(6);
  scene.release();
  for (let turn = 0; turn < 100; turn += 1) await scene.turn();
  expect(await calls).toHaveLength(100);
});

test('they run in the order in which they came, each in a turn of its own', async () => {
  const scene = createScene();
  const done: number[] = [];
  const calls = [0, 1, 2].map(async (n) => done.push(await scene.call(n)));
  scene.release();
  // Even a call that would find the lock free now stands behind those who waited.
  const last = scene.call(3).then((n) => done.push(n));
  const pausedMs = scene.pausedMs();
  for (const soFar of [[0], [0, 1], [0, 1, 2], [0, 1, 2, 3]]) {
    await scene.turn();
    expect(done).toEqual(soFar);
  }
  expect(scene.pausedMs()).toBe(pausedMs);
  await Promise.all([...calls, last]);
});

test('each gives up after about two seconds, and the line goes on', async () => {
  const scene = createScene();
  let outcome: unknown;
  const given = scene.call('first').catch((error: unknown) => {
    outcome = error;
  });
  while (outcome === undefined) await scene.turn();
  await given;
  expect(outcome).toMatchObject({
    reason: 'overloaded',
    retryAfterSeconds: 1,
    cause: { code: 'SQLITE_BUSY' },
  });
  expect(scene.pausedMs()).toBeGreaterThan(1_000);
  expect(scene.pausedMs()).toBeLessThan(3_000);

  const second = scene.call('second');
  scene.release();
  await scene.turn();
  expect(await second).toBe('second');
});

test('one who comes while the line empties is not forgotten', async () => {
  const scene = createScene();
  const first = scene.call('first');
  scene.release();
  await scene.turn();
  expect(await first).toBe('first');
  scene.lock();
  const second = scene.call('second');
  await scene.turn();
  scene.release();
  await scene.turn();
  expect(await second).toBe('second');
});

test('the line has an end', async () => {
  const scene = createScene();
  const calls = Array.from({ length: 500 }, () => scene.call(true));
  await expect(scene.call(true)).rejects.toMatchObject({ reason: 'overloaded' });
  scene.release();
  for (let turn = 0; turn < 500; turn += 1) await scene.turn();
  expect(await Promise.all(calls)).toHaveLength(500);
});

test.for([
  'SQLITE_FULL',
  'SQLITE_IOERR_WRITE',
  'SQLITE_READONLY_DBMOVED',
  'SQLITE_CORRUPT_VTAB',
  'SQLITE_NOTADB',
])('%s is a refusal, and says nothing of the statement', async (code) => {
  const { inLine } = createScene();
  const refused = inLine(() => {
    throw sqliteError(code);
  });
  const error = await refused.catch((error: unknown) => error);
  expect(error).toMatchObject({ reason: 'overloaded', cause: { code } });
  expect(inspect(error)).not.toContain('secret');
});

test.for(['SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_ERROR', 'SQLITE_MISUSE'])(
  '%s is a defect of ours, which waiting does not mend',
  async (code) => {
    const { inLine } = createScene();
    const error = sqliteError(code);
    const failed = inLine(() => {
      throw error;
    });
    await expect(failed).rejects.toBe(error);
  },
);
