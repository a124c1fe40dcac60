/** One of several that answer alike. */
export interface Way<Given extends unknown[], Answer> {
  handle(...given: Given): Answer;
  /** Resolves once it knows of everything that was done by then, by whichever of them. */
  readonly catchUp: (() => Promise<void>) | null;
}

/** Sends each request, not each connection, to the next one. */
export function takeTurns<Given extends unknown[], Answer>(
  ways: readonly Way<Given, Answer>[],
): (...given: Given) => Answer | Promise<Awaited<Answer>> {
  let turn = 0;
  return (...given) => {
    const way = ways[turn % ways.length];
    if (!way) throw new Error('There is nobody whose turn it could be.');
    turn += 1;
    return way.catchUp === null
      ? way.handle(...given)
      : way.catchUp().then(() => way.handle(...given) as Awaited<Answer>);
  };
}

/** Work that is done once for all who ask while it is done, after they have asked. */
export function together(work: () => Promise<void>): () => Promise<void> {
  let underWay: Promise<void> | null = null;
  let next: Promise<void> | null = null;

  function start(): Promise<void> {
    next = null;
    underWay = work().finally(() => {
      underWay = null;
    });
    return underWay;
  }

  return () => (underWay === null ? start() : (next ??= underWay.then(start)));
}
