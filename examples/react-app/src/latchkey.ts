import { QueryClient } from '@tanstack/react-query';
import { createClient } from 'latchkey/client';
import { createLatchkeyReact, retryUnlessRefused } from 'latchkey/react';
import type { AppRouter } from '../server/app.ts';

/** In cookie mode no script can read the refresh token. */
export const client = createClient<AppRouter>({ url: '/trpc', mode: 'cookie' });

export const queryClient = new QueryClient({
  defaultOptions: { queries: { retry: retryUnlessRefused } },
});

export const {
  LatchkeyProvider,
  useLatchkey,
  useSession,
  useTRPC,
  useUser,
  SignedIn,
  SignedOut,
  RequireRole,
} = createLatchkeyReact<AppRouter>();
