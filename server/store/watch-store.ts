import type { Store } from './store.ts';

/** Answered from memory, or asked once. */
const unwatched: readonly string[] = ['recallSession', 'close'] satisfies (keyof Store)[];

/** The same store, each of whose operations is done by `watch`, for metrics and traces. */
export function watchStore(
  store: Store,
  watch: <T>(operation: string, run: () => Promise<T>) => Promise<T>,
): Store {
  // All methods of a store but those two return a promise.
  const methods = Object.entries(store) as [string, (...input: unknown[]) => Promise<unknown>][];
  const watched = methods.map(([name, method]) => {
    const again: typeof method = (...input) => watch(name, () => method.apply(store, input));
    return [name, unwatched.includes(name) ? method : again] as const;
  });
  return Object.fromEntries(watched) as unknown as Store; // Of the same names and types.
}
