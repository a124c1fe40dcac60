import { httpStatuses, reasons, type PasswordRule, type Reason } from './reasons.ts';

/** One thing that is wrong with an input: where, and what is wanted. Never the value. */
export interface InputIssue {
  readonly path: readonly (string | number)[];
  readonly code: string;
  readonly message: string;
}

/** What may stand beside a reason. */
export interface ReasonDetails {
  /** Which password rule was broken; with `weak_password`. */
  readonly detail?: PasswordRule;
  /** What is wrong with the input; with `invalid_input`. */
  readonly issues?: readonly InputIssue[];
  /** Seconds after which the call may be repeated; with `rate_limited` and `overloaded`. */
  readonly retryAfterSeconds?: number;
  /** Which limit it was; with `rate_limited`, for the operator and in no answer. */
  readonly limit?: string;
  /** Other words than the reason's own, which may have several causes. Constant: it is answered. */
  readonly message?: string;
  /** Whatever lies beneath. Goes to the log by its name and code alone, never to an answer. */
  readonly cause?: unknown;
}

/**
 * The one error of Latchkey: a refusal with its reason.
 *
 * The reason also stands at the end of the message in brackets, so that it is
 * found again where a host application's own error formatter drops `data.reason`.
 */
export class LatchkeyError extends Error {
  override readonly name = 'LatchkeyError';
  readonly reason: Reason;
  readonly detail: PasswordRule | undefined;
  readonly issues: readonly InputIssue[] | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly limit: string | undefined;

  constructor(reason: Reason, details: ReasonDetails = {}) {
    super(`${details.message ?? reasons[reason].message} [${reason}]`, { cause: details.cause });
    this.reason = reason;
    this.detail = details.detail;
    this.issues = details.issues;
    this.retryAfterSeconds = details.retryAfterSeconds;
    this.limit = details.limit;
  }

  /** What to answer with, where tRPC does not do it: 401 for `token_missing`. */
  get httpStatus(): number {
    return httpStatuses[reasons[this.reason].code];
  }
}
