import type { SessionState } from '../session.ts';

/** Resolves when the state is as wanted: at once, or with the change that makes it so. */
export function untilStatus<TUser>(
  state: SessionState<TUser>,
  status: 'loading' | 'signed-in' | 'signed-out',
): Promise<void> {
  return new Promise((resolve) => {
    function check(): void {
      if (state.getSnapshot().status !== status) return;
      unsubscribe();
      resolve();
    }
    const unsubscribe = state.subscribe(check);
    check();
  });
}
