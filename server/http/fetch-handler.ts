import type { Handler } from './handler.ts';

/** Takes web requests, as Hono, Next.js, Bun and Deno have them. */
export type FetchHandler = (
  request: Request,
  client?: {
    /** What the platform knows of the client; without it, limits by address share one budget. */
    readonly ip?: string | null;
    /** Not read. With it, this is what Next.js takes for a route handler. */
    readonly params?: unknown;
  },
) => Promise<Response>;

export function createFetchHandler(handle: Handler): FetchHandler {
  return async (request, client) => {
    const { pathname, search } = new URL(request.url);
    const response = await handle({
      method: request.method,
      target: `${pathname}${search}`,
      headers: (name) => {
        const value = request.headers.get(name);
        return value === null ? [] : [value];
      },
      body: () => bodyOf(request),
      signal: request.signal,
      source: { req: request, ip: client?.ip ?? null },
    });
    return response ?? new Response('Not found\n', { status: 404 });
  };
}

async function* bodyOf(request: Request): AsyncGenerator<Uint8Array> {
  if (request.body) yield* request.body;
}
