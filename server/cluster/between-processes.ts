import type { FirstAdmin, RunningLatchkey } from '../start.ts';

/**
 * All that the primary and its workers tell each other. A worker reads the same environment
 * as the primary, whose variables it inherits, and beside it only this one, its place among
 * the workers, from 0, and what `server/limits/cluster-limits.ts` gives it.
 */
export const placeVariable = 'LATCHKEY_WORKER';

/** What the primary tells a worker. */
export type Order =
  /** Make the first admin: one worker is told, once all listen, so that a password is never lost. */
  | 'make first admin'
  /** Another worker has taken over: leave the port, and end when nobody is connected. */
  | 'retire'
  /** Stop as a process alone does, which may have to wait for a balancer first. */
  | 'stop'
  /** Stop without that. */
  | 'give up';

/** What a worker tells the primary. */
export type Report =
  | {
      readonly type: 'listening';
      readonly address: string;
      readonly created: RunningLatchkey['created'];
    }
  | { readonly type: 'first admin'; readonly admin: FirstAdmin | null }
  /**
   * It has left the port. A connection may be on its way to it still, until the primary has read
   * this: it sends back what comes meanwhile.
   */
  | { readonly type: 'left' }
  /** It cannot start. */
  | { readonly type: 'failed'; readonly problems: readonly string[] };

/** After these a worker waits to be told to give up, so that they are heard before it ends. */
export const lastReports: readonly Report['type'][] = ['left', 'failed'];

/** Ours among the messages of libraries that use the same channel. */
export interface Message<Content extends Order | Report> {
  readonly latchkey: Content;
}

/** Both ends are this code, so that whatever has our name is of our form. */
export function isMessage<Content extends Order | Report>(
  message: unknown,
): message is Message<Content> {
  return typeof message === 'object' && message !== null && 'latchkey' in message;
}
