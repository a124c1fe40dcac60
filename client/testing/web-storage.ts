import type { WebStorage } from '../session-storage.ts';

/** What `localStorage` is, without a browser. */
export function createWebStorage(): WebStorage & { readonly items: Map<string, string> } {
  const items = new Map<string, string>();
  return {
    items,
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
}
