import { createLatchkeyReact } from 'latchkey/react';
import type { AppRouter } from 'latchkey/server';

/** Latchkey's hooks and components, typed by the router that serves this console. */
export const {
  LatchkeyProvider,
  RequireRole,
  SignedIn,
  SignedOut,
  useLatchkey,
  useSession,
  useTRPC,
  useUser,
} = createLatchkeyReact<AppRouter>();

export type { AppRouter };
