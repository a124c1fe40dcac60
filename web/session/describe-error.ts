import { refusalOf, type Reason } from 'latchkey/client';
import { describeWait, passwordRuleTexts, reasonTexts, texts } from '../texts.ts';

/** What went wrong, in a sentence for whoever it happened to. */
export function describeError(error: unknown): string {
  const refusal = refusalOf(error);
  if (!refusal) return texts.unreachable;
  const { reason, detail, retryAfterSeconds } = refusal;
  if (reason === 'rate_limited' && retryAfterSeconds !== null) {
    return describeWait(retryAfterSeconds);
  }
  if (reason === 'weak_password' && detail !== null) return passwordRuleTexts[detail];
  return reasonTexts[reason];
}

/** Names of the fields of a form, by what of them can be wrong. */
export type FieldsByReason = Readonly<
  Partial<
    Record<'invalid_credentials' | 'email_taken' | 'username_taken' | 'weak_password', string>
  >
>;

/** What is wrong, at the fields that it is about, or with the form as a whole. */
export interface FormProblem {
  readonly fields: Readonly<Record<string, string>>;
  readonly whole: string | null;
}

/** Sentences of a form's own, where it knows more of what was refused than the reason tells. */
export type TextsByReason = Readonly<Partial<Record<Reason, string>>>;

/** Puts what the server said of a form where the person looks for it. */
export function placeError(
  error: unknown,
  fieldsByReason: FieldsByReason,
  textsByReason: TextsByReason = {},
): FormProblem {
  if (error === null) return { fields: {}, whole: null };
  const refusal = refusalOf(error);
  const sentence = (refusal && textsByReason[refusal.reason]) ?? describeError(error);
  const byReason: Readonly<Record<string, string>> = fieldsByReason;
  const field = refusal && byReason[refusal.reason];
  if (field) return { fields: { [field]: sentence }, whole: null };
  const named = (refusal?.issues ?? []).flatMap(({ path: [name] }) =>
    typeof name === 'string' ? [[name, sentence] as const] : [],
  );
  if (named.length > 0) return { fields: Object.fromEntries(named), whole: null };
  return { fields: {}, whole: sentence };
}
