import type { Reason } from '../../shared/reasons.ts';

/** What the API page says of a procedure, beside what it reads from the procedure itself. */
export interface ProcedureDocs {
  /** A few words. */
  readonly summary?: string;
  /** As long as it takes, in Markdown. */
  readonly description?: string;
  /** Inputs to try, each under a name, as the procedure takes them. */
  readonly examples?: Readonly<Record<string, unknown>>;
  /** How it may refuse a call, beside what every procedure of its kind may answer. */
  readonly reasons?: readonly Reason[];
  /** Schema of the answer, for a procedure that has no `.output`. */
  readonly output?: object;
  /**
   * Whether it takes an access token, where that is decided by none of Latchkey's procedures:
   * `required`, or `optional` where it is good for something without one.
   */
  readonly token?: 'required' | 'optional';
  /** Its answer is an `AuthResult`, which signs the page in, or ends the session, which signs it out. */
  readonly session?: 'begins' | 'ends';
}

/**
 * Meta of a procedure that the API page reads. It is optional, and may be part of a meta of your own.
 *
 * @example
 * ```ts
 * const t = initTRPC.context<LatchkeyContext>().meta<ProcedureMeta>().create();
 * t.procedure.meta({ docs: { summary: 'Count the posts' } }).query(() => 0);
 * ```
 */
export interface ProcedureMeta {
  readonly docs?: ProcedureDocs;
}

/** Meta of a procedure of ours, whose builder leaves open what a meta is. */
export function documented(docs: ProcedureDocs): ProcedureMeta {
  return { docs };
}
