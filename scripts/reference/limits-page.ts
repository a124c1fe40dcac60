import { defaultLimits, type LimitRule } from '../../server/limits/limits.ts';
import { code, page, table } from './markdown.ts';
import { readEntryDocs } from './read-comments.ts';

/** The rate limits by name. */
export function createLimitsPage(): string {
  const about = readEntryDocs('server/limits/limits.ts', 'defaultLimits');
  return page(
    'Limits',
    `So many calls in so many seconds; beyond them \`rate_limited\`. An address is an IPv4 address or an IPv6 network of
64 bits. They are changed by the option \`limits\` or by \`LATCHKEY_LIMITS\`: [rate limits](../guide/rate-limits.md).`,
    table(
      ['limit', 'calls', 'seconds', 'what it counts'],
      Object.entries<LimitRule>(defaultLimits).map(([name, { calls, seconds, pauseFactor }]) => [
        code(name),
        String(calls),
        String(seconds),
        [
          about.get(name) ?? '',
          ...(pauseFactor === undefined
            ? []
            : [`Beyond them each wait is ${pauseFactor} times as long as the one before.`]),
        ].join(' '),
      ]),
    ),
  );
}
