import { expect, test } from 'vitest';
import { createRuntime } from '../runtime.ts';
import { createTurnstile } from './turnstile.ts';

/** A turnstile, and who has been let through after each pause. */
function createScene() {
  let pausedMs = 0;
  let proceed = () => {};
  const turn = createTurnstile({
    ...createRuntime(),
    delay: (delayMs) =>
      new Promise((resolve) => {
        pausedMs += delayMs;
        proceed = resolve;
      }),
  });
  const through: number[] = [];
  return {
    through,
    pausedMs: () => pausedMs,
    come: (count: number) =>
      Array.from({ length: count }, async (_, index) => {
        await turn();
        through.push(index);
      }),
    async pass() {
      proceed();
      await new Promise(setImmediate);
    },
  };
}

test('a few go at a time, in the order in which they came', async () => {
  const { come, pass, through } = createScene();
  const all = come(20);
  expect(through).toEqual([]);
  const sizes: number[] = [];
  for (let group = 0; group < 3; group += 1) {
    await pass();
    sizes.push(through.length);
  }
  expect(sizes).toEqual([8, 16, 20]);
  await Promise.all(all);
  expect(through).toEqual(Array.from({ length: 20 }, (_, index) => index));
});

test('who comes when nobody waits goes after one pause', async () => {
  const { come, pass, through, pausedMs } = createScene();
  const first = come(1);
  await pass();
  await Promise.all(first);
  const second = come(1);
  await pass();
  await Promise.all(second);
  expect(through).toHaveLength(2);
  expect(pausedMs()).toBe(10);
});

test('of however many, nobody waits longer than half a second', async () => {
  const { come, pass, through, pausedMs } = createScene();
  const all = come(10_000);
  while (pausedMs() < 500) await pass();
  await pass();
  expect(through).toHaveLength(10_000);
  await Promise.all(all);
});
