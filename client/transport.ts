import {
  httpBatchLink,
  httpLink,
  isNonJsonSerializable,
  splitLink,
  type HTTPHeaders,
  type HTTPLinkOptions,
  type TRPCLink,
} from '@trpc/client';
import type { AnyRouter } from '@trpc/server';

/** Of a router with a transformer, since the option is forbidden for others. */
type LinkOptions = HTTPLinkOptions<{ transformer: true; errorShape: never }>;

/** A `fetch`, as tRPC's links call it. */
export type ClientFetch = NonNullable<LinkOptions['fetch']>;

/** What all requests have in common. */
export interface TransportOptions {
  readonly url: string;
  readonly mode: 'bearer' | 'cookie';
  readonly fetch: ClientFetch | undefined;
  readonly headers: HTTPHeaders | (() => HTTPHeaders | Promise<HTTPHeaders>) | undefined;
  readonly transformer: LinkOptions['transformer'] | undefined;
}

/** The server refuses more calls in one batch. */
const maxBatchItems = 10;

/** Proxies commonly take request lines of up to 8 KiB; the rest is for method and version. */
const maxUrlLength = 8_000;

/** No answer to a call that checks a credential is anywhere near as long. */
const maxCredentialAnswerBytes = 256 * 1024;

/** Calls that check or set a credential: the server takes them alone. */
const credentialPaths: ReadonlySet<string> = new Set([
  'auth.register',
  'auth.login',
  'auth.refresh',
  'auth.logout',
  'user.changePassword',
  'user.delete',
]);

/**
 * Makes the links that send calls with one access token, or with none.
 *
 * The token is fixed for each link, and each has its own batches: calls of two
 * sessions can never meet in one request.
 */
export function createTransport(
  options: TransportOptions,
): (accessToken: string | null) => TRPCLink<AnyRouter> {
  const isCookieMode = options.mode === 'cookie';
  const fetch = createFetch(options.fetch, {
    credentials: isCookieMode ? 'include' : 'same-origin',
  });
  // Without cookie mode the credential is in the call. A cookie that some other
  // page of the origin has got would name a second session, and is refused.
  const fetchAlone = boundAnswers(
    createFetch(options.fetch, {
      credentials: isCookieMode ? 'include' : 'omit',
      // Whoever signs out and leaves the page at once is signed out all the same.
      keepalive: true,
    }),
  );
  return (accessToken) => {
    const common = {
      url: options.url,
      // Without one, tRPC's links take `undefined`, whatever their types say.
      transformer: options.transformer as LinkOptions['transformer'],
      headers: () => requestHeaders(options, accessToken),
      fetch,
    };
    return splitLink({
      condition: ({ path }) => credentialPaths.has(path),
      true: httpLink({ ...common, fetch: fetchAlone }),
      false: splitLink({
        condition: ({ input }) => isNonJsonSerializable(input),
        true: httpLink(common),
        false: httpBatchLink({ ...common, maxItems: maxBatchItems, maxURLLength: maxUrlLength }),
      }),
    });
  };
}

/** Redirects are refused: following one would carry passwords and tokens to wherever it points. */
function createFetch(
  fetch: ClientFetch | undefined,
  settings: Pick<RequestInit, 'credentials' | 'keepalive'>,
): ClientFetch {
  return (url, init) => {
    const all = { ...init, ...settings, redirect: 'error' } as const;
    return fetch ? fetch(url, all) : globalThis.fetch(url as string, all as RequestInit);
  };
}

function boundAnswers(fetch: ClientFetch): ClientFetch {
  return async (url, init) => {
    const response = await fetch(url, init);
    if (!(response instanceof Response && response.body)) return response;
    let leftBytes = maxCredentialAnswerBytes;
    const bound = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        leftBytes -= chunk.byteLength;
        if (leftBytes < 0) controller.error(new TypeError('The answer is too long.'));
        else controller.enqueue(chunk);
      },
    });
    return new Response(response.body.pipeThrough(bound), response);
  };
}

async function requestHeaders(
  { headers, mode }: TransportOptions,
  accessToken: string | null,
): Promise<HTTPHeaders> {
  const given = (typeof headers === 'function' ? await headers() : headers) ?? {};
  const pairs = Symbol.iterator in given ? [...given] : Object.entries(given);
  const sent = new Map(pairs.map(([name, value]) => [name.toLowerCase(), value]));
  sent.delete('authorization');
  if (accessToken !== null) sent.set('authorization', `Bearer ${accessToken}`);
  if (mode === 'cookie') sent.set('x-latchkey-mode', 'cookie');
  return Object.fromEntries(sent);
}
