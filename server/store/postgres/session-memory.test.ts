import { expect, test } from 'vitest';
import { createTestClock } from '../../testing/clock.ts';
import type { SessionWithUser } from '../store.ts';
import { newSession, newUser, startedAt } from '../testing/store-scene.ts';
import { createSessionMemory } from './session-memory.ts';

function createScene() {
  const clock = createTestClock(startedAt);
  const heard = { isCurrent: true };
  const memory = createSessionMemory(() => heard.isCurrent, clock.now);
  const user = newUser();
  const found: SessionWithUser = { session: newSession(user.id), user };
  const { id } = found.session;
  return { clock, heard, memory, user, found, id };
}

test('what was read is known, until it is forgotten in whichever way', async () => {
  const { memory, found, id, user } = createScene();
  for (const forget of [
    () => memory.forget(id),
    () => memory.forgetUser(user.id),
    () => memory.forgetAll(),
  ]) {
    await memory.remember(id, async () => found);
    expect(memory.recall(id)).toBe(found);
    memory.forget('another');
    memory.forgetUser('another');
    expect(memory.recall(id)).toBe(found);
    forget();
    expect(memory.recall(id)).toBeUndefined();
  }
});

test('what changes while it is read is answered and not kept', async () => {
  const { memory, found, id, user } = createScene();
  for (const forget of [
    () => memory.forget(id),
    () => memory.forgetUser(user.id),
    () => memory.forgetAll(),
  ]) {
    const read = Promise.withResolvers<SessionWithUser>();
    const reading = memory.remember(id, () => read.promise);
    forget();
    read.resolve(found);
    expect(await reading).toBe(found);
    expect(memory.recall(id)).toBeUndefined();
  }
});

test('a read that began before a change does not take the place of one that began after it', async () => {
  const { memory, found, id } = createScene();
  const slow = Promise.withResolvers<SessionWithUser>();
  const reading = memory.remember(id, () => slow.promise);
  memory.forget(id);
  const newer = { ...found };
  await memory.remember(id, async () => newer);
  slow.resolve(found);
  await reading;
  expect(memory.recall(id)).toBe(newer);
});

test('nothing is known while changes may go unheard, nor of a session that seems to have ended', async () => {
  const { memory, heard, clock, found, id } = createScene();
  await memory.remember(id, async () => found);
  heard.isCurrent = false;
  expect(memory.recall(id)).toBeUndefined();
  heard.isCurrent = true;
  expect(memory.recall(id)).toBe(found);
  clock.advance((found.session.idleExpiresAt - startedAt) / 1_000);
  expect(memory.recall(id)).toBeUndefined();
});

test('a session that is not there, or cannot be read, is not kept', async () => {
  const { memory, id } = createScene();
  expect(await memory.remember(id, async () => null)).toBeNull();
  expect(memory.recall(id)).toBeUndefined();
  const failing = memory.remember(id, () => Promise.reject(new Error('gone')));
  await expect(failing).rejects.toThrow('gone');
  expect(memory.recall(id)).toBeUndefined();
});
