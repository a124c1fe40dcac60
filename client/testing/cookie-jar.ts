import type { ClientFetch } from '../transport.ts';

/** A `fetch` with a cookie jar, as all tabs of one browser share it, for pages of that origin. */
export function createCookieFetch(origin = 'http://localhost'): ClientFetch {
  let cookie: string | undefined;
  return async (url, init) => {
    const options = init as RequestInit;
    const headers = new Headers(options.headers);
    headers.set('origin', origin);
    const isIncluded = options.credentials === 'include';
    if (isIncluded && cookie !== undefined) headers.set('cookie', cookie);
    const response = await fetch(url as string, { ...options, headers });
    const set = response.headers.get('set-cookie');
    if (isIncluded && set !== null) {
      cookie = set.includes('Max-Age=0') ? undefined : set.split(';', 1)[0];
    }
    return response;
  };
}
