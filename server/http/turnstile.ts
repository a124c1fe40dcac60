import type { Runtime } from '../runtime.ts';

/** Between two groups, everything else has its turn of the event loop. */
const everyMs = 5;
/** How many go in a group at least: 1,600 a second. */
const leastInGroup = 8;
/** Nobody waits longer than this and the timers' delay, however many they are. */
const longestMs = 500;

/**
 * Lets a flood through in small groups, in the order in which they came: whoever asks again as
 * soon as answered is answered no faster than that, and costs the others a part of a processor
 * and not all of it.
 *
 * @returns resolves when it is one's turn
 */
export function createTurnstile(runtime: Runtime): () => Promise<void> {
  const waiting: (() => void)[] = [];

  async function letThrough(): Promise<void> {
    let groupSize = leastInGroup;
    while (waiting.length > 0) {
      await runtime.delay(everyMs);
      groupSize = Math.max(groupSize, Math.ceil((waiting.length * everyMs) / longestMs));
      for (const go of waiting.splice(0, groupSize)) go();
    }
  }

  return () =>
    new Promise((resolve) => {
      if (waiting.push(resolve) === 1) void letThrough();
    });
}
