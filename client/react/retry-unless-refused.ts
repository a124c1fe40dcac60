import { property, reasonOf } from '../reason-of.ts';

/** As many tries more as TanStack Query makes by itself. */
const maxRetries = 3;

/**
 * A `retry` for TanStack Query: what the server has refused it will refuse again, so such a query
 * fails at once. What got lost on its way, or failed inside the server, is tried up to three times
 * more, and on a server that renders never.
 *
 * @example
 * ```ts
 * const queryClient = new QueryClient({ defaultOptions: { queries: { retry: retryUnlessRefused } } });
 * ```
 */
export function retryUnlessRefused(failureCount: number, error: unknown): boolean {
  return 'window' in globalThis && failureCount < maxRetries && !isRefusal(error);
}

function isRefusal(error: unknown): boolean {
  const reason = reasonOf(error);
  // A host's own refusal has a status alone.
  const status = property(property(error, 'data'), 'httpStatus');
  if (reason === null) return typeof status === 'number' && status >= 400 && status < 500;
  return reason !== 'internal' && reason !== 'overloaded';
}
