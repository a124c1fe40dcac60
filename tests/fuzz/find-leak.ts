/** Every password of the fuzzer says this somewhere, so that a leaked one is found by it. */
export const passwordMark = 'pw~';

const leaks: readonly (readonly [string, RegExp])[] = [
  ['A password', new RegExp(passwordMark)],
  ['A password hash', /\$2[abxy]\$\d\d\$|p1:\$/],
  ['An access token', /eyJ[\w-]{8,}\.[\w-]{8,}/],
  ['A stack', /\bat \S+ \(|\.ts:\d|\.js:\d|node:internal/],
  ['A path of a file', /node_modules|file:\/\/\/|\/(?:home|root|tmp|usr|work)\//],
  ['SQL', /\b(?:SELECT|INSERT INTO|UPDATE|DELETE FROM)\b.+\b(?:FROM|VALUES|SET|WHERE)\b|SQLITE_/],
  ['A private key', /"(?:d|k|p|q|dp|dq|qi)":"[\w-]{20,}"|PRIVATE KEY/],
];

/** What stands in a text that has no business there, or `null`. */
export function findLeak(text: string, refreshTokens: Iterable<string>): string | null {
  const found = leaks.find(([, pattern]) => pattern.test(text));
  if (found) return found[0];
  for (const token of refreshTokens) if (text.includes(token)) return 'A refresh token';
  return null;
}
