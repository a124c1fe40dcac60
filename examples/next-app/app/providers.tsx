'use client';

import { createClient, type UserOf } from 'latchkey/client';
import { useState, type ReactNode } from 'react';
import type { AppRouter } from '../server/app-router.ts';
import { createQueryClient } from './create-query-client.ts';
import { LatchkeyProvider } from './latchkey.ts';

interface ProvidersProps {
  readonly initialUser: UserOf<AppRouter> | null | undefined;
  readonly children: ReactNode;
}

export function Providers({ initialUser, children }: ProvidersProps) {
  // One for each page in the browser, and on the server one for each request.
  const [client] = useState(() =>
    createClient<AppRouter>({ url: '/trpc', mode: 'cookie', initialUser }),
  );
  const [queryClient] = useState(createQueryClient);
  return (
    <LatchkeyProvider client={client} queryClient={queryClient}>
      {children}
    </LatchkeyProvider>
  );
}
