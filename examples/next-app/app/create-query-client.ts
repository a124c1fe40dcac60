import { QueryClient } from '@tanstack/react-query';
import { retryUnlessRefused } from 'latchkey/react';

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      // What the server has fetched for the page need not be fetched again at once.
      queries: { retry: retryUnlessRefused, staleTime: 30_000 },
    },
  });
}
