import { parseCookie, stringifySetCookie } from 'cookie';

/** The cookie that carries the refresh token in cookie mode. */
export interface RefreshCookie {
  /** The refresh token of a `Cookie` header, or `null`. */
  read(cookieHeader: string | null): string | null;
  /** @param maxAgeSeconds how long the browser keeps it */
  write(refreshToken: string, maxAgeSeconds: number): string;
  /** Takes it away again. */
  clear(): string;
}

/**
 * `__Host-`, Secure, httpOnly and SameSite=Strict (RFC 6265bis §4.1.3.2); on
 * plain http, which is for localhost, without the prefix and Secure.
 *
 * @param url the public origin of the server
 */
export function createRefreshCookie(url: string): RefreshCookie {
  const secure = url.startsWith('https:');
  const name = secure ? '__Host-latchkey' : 'latchkey';
  const attributes = { path: '/', httpOnly: true, secure, sameSite: 'strict' } as const;
  return {
    read: (cookieHeader) =>
      cookieHeader === null ? null : parseCookie(cookieHeader)[name] || null,
    write: (refreshToken, maxAgeSeconds) =>
      stringifySetCookie(name, refreshToken, { ...attributes, maxAge: maxAgeSeconds }),
    clear: () => stringifySetCookie(name, '', { ...attributes, maxAge: 0 }),
  };
}
