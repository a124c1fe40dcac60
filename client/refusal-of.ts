import type { InputIssue } from '../shared/latchkey-error.ts';
import { passwordRules, type PasswordRule, type Reason } from '../shared/reasons.ts';
import { property, reasonOf } from './reason-of.ts';

/** All that the server said of a call that it refused. */
export interface Refusal {
  readonly reason: Reason;
  /** Which rule a password broke; with `weak_password`. */
  readonly detail: PasswordRule | null;
  /** What is wrong with the input, field by field; with `invalid_input`, else empty. */
  readonly issues: readonly InputIssue[];
  /** Seconds after which the call may be repeated; with `rate_limited` and `overloaded`. */
  readonly retryAfterSeconds: number | null;
}

/**
 * Reads what a form wants to show of a refusal; `reasonOf` is the short form of it.
 *
 * @returns `null` for an error that is not a refusal of Latchkey
 * @example
 * ```ts
 * const refusal = refusalOf(mutation.error);
 * const wrongEmail = refusal?.issues.find(({ path }) => path[0] === 'email')?.message;
 * ```
 */
export function refusalOf(error: unknown): Refusal | null {
  const reason = reasonOf(error);
  if (reason === null) return null;
  const data = property(error, 'data');
  const detail = property(data, 'detail');
  const issues = property(data, 'issues');
  const retryAfter = property(data, 'retryAfter');
  return {
    reason,
    detail: passwordRules.find((rule) => rule === detail) ?? null,
    issues: Array.isArray(issues) ? issues.filter(isIssue) : [],
    retryAfterSeconds: typeof retryAfter === 'number' ? retryAfter : null,
  };
}

function isIssue(value: unknown): value is InputIssue {
  return (
    Array.isArray(property(value, 'path')) &&
    typeof property(value, 'code') === 'string' &&
    typeof property(value, 'message') === 'string'
  );
}
