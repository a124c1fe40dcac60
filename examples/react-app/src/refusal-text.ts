import { refusalOf, type PasswordRule, type Reason } from 'latchkey/client';

const byReason: Partial<Record<Reason, string>> = {
  invalid_credentials: 'No account has this e-mail address and password.',
  email_taken: 'There is an account with this e-mail address already.',
  username_taken: 'This username is taken.',
  rate_limited: 'Too many tries.',
  overloaded: 'The server is busy. Try again in a moment.',
};

const byPasswordRule: Record<PasswordRule, string> = {
  too_short: 'A password has at least twelve characters.',
  too_long: 'This password is too long.',
  common: 'Many people use this password, so it is tried first.',
  personal: 'This password has your name or address in it.',
};

/** What to say of a failed call beside the form; `null` when its fields say it. */
export function describeRefusal(error: unknown, fields: readonly string[]): string | null {
  const refusal = refusalOf(error);
  if (!refusal) return 'The server could not be reached. Try again.';
  if (refusal.detail) return byPasswordRule[refusal.detail];
  if (fields.some((name) => describeField(error, name))) return null;
  const wait = refusal.retryAfterSeconds ? ` Try again in ${refusal.retryAfterSeconds} s.` : '';
  return `${byReason[refusal.reason] ?? 'That did not work.'}${wait}`;
}

/** What is wrong with one field, as the schema on the server says it. */
export function describeField(error: unknown, name: string): string | undefined {
  return refusalOf(error)?.issues.find(({ path }) => path[0] === name)?.message;
}
