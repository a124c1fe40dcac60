/** On every answer. What an answer says itself, such as its own caching, stays. */
export function securityHeaders(url: string): ReadonlyMap<string, string> {
  return new Map([
    ['cache-control', 'no-store'],
    ['content-security-policy', "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"],
    ['cross-origin-resource-policy', 'same-origin'],
    ['referrer-policy', 'no-referrer'],
    ['x-content-type-options', 'nosniff'],
    ...(url.startsWith('https:')
      ? ([['strict-transport-security', 'max-age=63072000; includeSubDomains']] as const)
      : []),
  ]);
}

/** What a preflight may hear; from which origin is decided by `corsHeadersFor`. */
export const preflightHeaders = {
  'access-control-allow-methods': 'GET, POST',
  // The fourth is what Swagger UI sends wherever it signs in.
  'access-control-allow-headers':
    'authorization, content-type, trpc-accept, x-requested-with, x-latchkey-mode',
  'access-control-max-age': '600',
} as const;

type HeaderPairs = readonly (readonly [name: string, value: string])[];

const varyOnOrigin: HeaderPairs = [['vary', 'Origin']];

/** Names the origin only if it is allowed; never `*` (Fetch standard, CORS protocol). */
export function corsHeadersFor(
  origins: readonly string[],
  allowedOrigins: ReadonlySet<string>,
): HeaderPairs {
  const [origin] = origins;
  if (origins.length !== 1 || origin === undefined || !allowedOrigins.has(origin)) {
    return varyOnOrigin;
  }
  return [
    ...varyOnOrigin,
    ['access-control-allow-origin', origin],
    ['access-control-allow-credentials', 'true'],
    ['access-control-expose-headers', 'retry-after, x-request-id'],
  ];
}
