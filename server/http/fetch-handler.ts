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
    const answer = await handle({
      method: request.method,
      target: `${pathname}${search}`,
      headers: (name) => {
        const value = request.headers.get(name);
        return value === null ? [] : [value];
      },
      async readBody(take) {
        const body: AsyncIterable<Uint8Array> | null = request.body;
        if (body) for await (const piece of body) take(piece);
      },
      signal: request.signal,
      source: { req: request, ip: client?.ip ?? null },
    });
    if (!answer) return new Response('Not found\n', { status: 404 });
    const headers = new Headers([...answer.headers.values]);
    for (const cookie of answer.headers.cookies) headers.append('set-cookie', cookie);
    return new Response(answer.body, { status: answer.status, headers });
  };
}
