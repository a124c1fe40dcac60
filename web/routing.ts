import { useSyncExternalStore } from 'react';

/**
 * Pages are behind the `#`, since the server knows no other path than the console's own. Links
 * are plain anchors, and the browser's history is the only one.
 */
export interface Location {
  /** Such as `/users`. */
  readonly path: string;
  readonly query: URLSearchParams;
}

/** Where the person is; renders again when that changes. */
export function useLocation(): Location {
  return parseHash(useSyncExternalStore(subscribe, () => window.location.hash));
}

export function parseHash(hash: string): Location {
  const [path = '', query = ''] = hash.replace(/^#/, '').split('?', 2);
  return { path: path === '' ? '/' : path, query: new URLSearchParams(query) };
}

/** The link to a page; what is empty is left out of its query. */
export function hrefOf(path: string, query: Readonly<Record<string, string>> = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== '');
  return `#${path}${given.length > 0 ? `?${new URLSearchParams(given)}` : ''}`;
}

/** @param options `replace` leaves no step in the history */
export function navigate(href: string, options: { readonly replace?: boolean } = {}): void {
  if (options.replace) window.location.replace(href);
  else window.location.assign(href);
}

function subscribe(listener: () => void): () => void {
  window.addEventListener('hashchange', listener);
  return () => window.removeEventListener('hashchange', listener);
}
