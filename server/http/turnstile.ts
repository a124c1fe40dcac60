/** So many are let through in a turn of the event loop. */
const perTurn = 8;

/**
 * Lets a flood through a few in each turn of the event loop, in the order in which they came, so
 * that whoever else is waiting there has their turn in between.
 *
 * @returns resolves when it is one's turn
 */
export function createTurnstile(): () => Promise<void> {
  const waiting: (() => void)[] = [];

  function letThrough(): void {
    for (const go of waiting.splice(0, perTurn)) go();
    if (waiting.length > 0) setImmediate(letThrough);
  }

  return () =>
    new Promise((resolve) => {
      if (waiting.push(resolve) === 1) setImmediate(letThrough);
    });
}
