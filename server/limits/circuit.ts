/** An answer, or that there is none. */
export type Answer<T> = { readonly value: T } | null;

/** What may be slow or gone, and is asked in such a way that nobody waits for it. */
export interface Circuit {
  /**
   * Asks, and gives up soon. Whoever asks in the second after that gets no answer, at once; then
   * the first question that `isTrial` finds out whether all is well again.
   */
  ask<T>(question: () => Promise<T>, isTrial?: boolean): Promise<Answer<T>>;
}

/** Told once for each change. */
export type OnChange = (isAnswering: boolean, error?: unknown) => void;

const restMs = 1_000;

/** @param answerWithinMs so long an answer is waited for */
export function createCircuit(answerWithinMs: number, onChange: OnChange): Circuit {
  let state: 'asking' | 'resting' | 'rested' = 'asking';
  let isDown = false;
  let timer: NodeJS.Timeout | undefined;

  function rest(error: unknown): void {
    state = 'resting';
    clearTimeout(timer);
    timer = setTimeout(() => {
      state = 'rested';
    }, restMs).unref();
    if (!isDown) onChange(false, error);
    isDown = true;
  }

  return {
    async ask(question, isTrial = false) {
      if (state === 'resting' || (state === 'rested' && !isTrial)) return null;
      const isDeciding = state === 'rested';
      if (isDeciding) state = 'resting';
      try {
        const value = await inTime(question(), answerWithinMs);
        if (isDeciding) {
          state = 'asking';
          isDown = false;
          onChange(true);
        }
        return { value };
      } catch (error) {
        rest(error);
        return null;
      }
    },
  };
}

function inTime<T>(answering: Promise<T>, answerWithinMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      // An answer that came while this process was busy is read first, and is in time.
      setImmediate(() => reject(new Error('There was no answer in time.')));
    }, answerWithinMs);
    answering.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
