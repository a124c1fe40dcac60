import type { AccountParts } from '../../server/accounts/account-parts.ts';

/** What a turn does with the store. */
type Touch = 'nothing' | 'reads' | 'writes';

/** A call that stops wherever it could be suspended, until it is told to go on. */
export interface Play {
  readonly isOver: boolean;
  /** What its next turn does. */
  readonly next: Touch;
  /** Lets it run as far as it gets: to its next stop, or to its end. */
  goOn(): Promise<void>;
}

export type Side = 'left' | 'right';

/** One order in which two calls take turns. */
export interface Order {
  /** Asked wherever either of them could go on. */
  choose(): Side;
  /** Turns that do not touch each other are tried one way round only. */
  readonly isReduced: boolean;
}

/**
 * Tries every order there is, each once; how many turns a call takes need not be known.
 *
 * @param isReduced leaves out orders that differ from another one only in which of two turns
 *   came first that do not touch each other: two that read, or one that is away from the store
 */
export async function forEveryOrder(
  isReduced: boolean,
  tryOne: (order: Order) => Promise<void>,
): Promise<void> {
  for (let start: readonly Side[] | null = []; start;) {
    const given: readonly Side[] = start;
    const chosen: Side[] = [];
    await tryOne({
      isReduced,
      choose() {
        const side = given[chosen.length] ?? 'left';
        chosen.push(side);
        return side;
      },
    });
    if (chosen.length < given.length) throw new Error('The same choices led somewhere else.');
    const lastLeft = chosen.lastIndexOf('left');
    start = lastLeft === -1 ? null : [...chosen.slice(0, lastLeft), 'right'];
  }
}

/**
 * Plays two calls in this order, to the end of both.
 *
 * @returns `false` when the order is as good as one with the left call earlier, and is to be left out
 */
export async function playInTurns(order: Order, left: Play, right: Play): Promise<boolean> {
  // Until its first statement a call is by itself.
  await left.goOn();
  await right.goOn();
  let isOwn = true;
  let rightDid: Touch | null = null;
  while (!left.isOver || !right.isOver) {
    // Of two turns that do not touch each other the left one goes first, and it could have.
    const isLate: boolean = rightDid !== null && !left.isOver && !doTouch(rightDid, left.next);
    let side: Side = left.isOver ? 'right' : 'left';
    if (!left.isOver && !right.isOver) side = order.isReduced && isLate ? 'right' : order.choose();
    if (side === 'left' && isLate) isOwn = false;
    rightDid = side === 'right' ? right.next : null;
    await (side === 'left' ? left : right).goOn();
  }
  return isOwn || !order.isReduced;
}

function doTouch(one: Touch, other: Touch): boolean {
  return one !== 'nothing' && other !== 'nothing' && (one === 'writes' || other === 'writes');
}

export interface Stage {
  /** The parts, which stop a call that is being played. */
  readonly accounts: AccountParts;
  play(call: () => Promise<void>): Play;
}

/**
 * Stops a call before and after each statement on the store, and each hash. The store stays
 * the real one; each of its methods is one transaction, so that there is nothing to suspend inside.
 *
 * @param onStatement hears the name of each as it is run
 */
export function createStage(accounts: AccountParts, onStatement: (name: string) => void): Stage {
  const { store, hasher } = accounts;
  let next: Touch = 'nothing';
  let resume: (() => void) | null = null;
  let hasStopped: (() => void) | null = null;

  async function stopBefore(touch: Touch): Promise<void> {
    if (resume) throw new Error('A call does two things at once: that is more than one order.');
    next = touch;
    await new Promise<void>((resolve) => {
      resume = resolve;
      hasStopped?.();
    });
  }

  async function run<T>(name: string, work: () => Promise<T>): Promise<T> {
    const touch = /^(hash|verify)$/.test(name)
      ? 'nothing'
      : /^(find|list)/.test(name)
        ? 'reads'
        : 'writes';
    await stopBefore(touch);
    onStatement(name);
    try {
      return await work();
    } finally {
      await stopBefore('nothing');
    }
  }

  return {
    accounts: {
      ...accounts,
      store: new Proxy(store, {
        get(target, name) {
          const method: unknown = Reflect.get(target, name);
          if (typeof method !== 'function') return method;
          // Nothing comes between its question and its answer; `findSession`, asked instead, can be stopped at.
          if (name === 'recallSession') return () => undefined;
          // Every other method of a store answers with a promise.
          const call = method as (...given: unknown[]) => Promise<unknown>;
          return (...given: unknown[]) => run(String(name), () => call(...given));
        },
      }),
      hasher: {
        ...hasher,
        hash: (password) => run('hash', () => hasher.hash(password)),
        verify: (password, stored) => run('verify', () => hasher.verify(password, stored)),
      },
    },
    play(call) {
      let isOver = false;
      let ended: Promise<void> | null = null;
      next = 'nothing';
      return {
        get isOver() {
          return isOver;
        },
        get next() {
          return next;
        },
        async goOn() {
          const stopped = new Promise<void>((resolve) => {
            hasStopped = resolve;
          });
          const goOn = resume;
          resume = null;
          goOn?.();
          ended ??= call().finally(() => {
            isOver = true;
          });
          await Promise.race([stopped, ended]);
        },
      };
    },
  };
}
