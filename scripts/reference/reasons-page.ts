import { TRPCError } from '@trpc/server';
import { getHTTPStatusCodeFromError } from '@trpc/server/http';
import { passwordRules, reasons } from '../../shared/reasons.ts';
import { code, page, table } from './markdown.ts';
import { readEntryDocs } from './read-comments.ts';

/** Every way a call can be refused. */
export function createReasonsPage(): string {
  const when = readEntryDocs('shared/reasons.ts', 'reasons');
  return page(
    'Reasons',
    `Every refusal carries one of these in \`error.data.reason\`, on the wire and in the client, where \`reasonOf(error)\`
reads it. The union is closed and typed: reasons are added to and never renamed. Messages are prose for a
person, and may change.`,
    table(
      ['reason', 'tRPC code', 'HTTP', 'when', 'what it says'],
      Object.entries(reasons).map(([reason, { code: trpcCode, message }]) => [
        code(reason),
        code(trpcCode),
        String(getHTTPStatusCodeFromError(new TRPCError({ code: trpcCode }))),
        when.get(reason) ?? '',
        message,
      ]),
    ),
    `With \`weak_password\`, \`data.detail\` is one of ${passwordRules.map(code).join(', ')}. The client refreshes and
repeats a call by itself after \`token_expired\` and \`token_stale\`, and after nothing else.`,
  );
}
