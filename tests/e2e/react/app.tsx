import { HydrationBoundary, QueryClient, useMutation, useQuery } from '@tanstack/react-query';
import { createClient, webStorage, type LatchkeyClient } from 'latchkey/client';
import { createLatchkeyReact, retryUnlessRefused } from 'latchkey/react';
import { memo, StrictMode, useEffect, useState, type ReactElement, type ReactNode } from 'react';
import type { PageData } from './page-data.ts';
import type { HostRouter } from './router.ts';

const { LatchkeyProvider, useLatchkey, useSession, useTRPC, SignedIn, SignedOut, RequireRole } =
  createLatchkeyReact<HostRouter>();

/** The one thing of the browser that the page names. */
const browser = globalThis as unknown as {
  localStorage: Parameters<typeof webStorage>[0];
};

function createPageClient(data: PageData, url: string): LatchkeyClient<HostRouter> {
  const client =
    data.mode === 'cookie'
      ? createClient<HostRouter>({ url, mode: 'cookie', initialUser: data.initialUser })
      : createClient<HostRouter>({ url, storage: webStorage(browser.localStorage) });
  return client;
}

export function App({
  data,
  url,
}: {
  readonly data: PageData;
  readonly url: string;
}): ReactElement {
  const [client] = useState(() => createPageClient(data, url));
  const [queryClient] = useState(
    () =>
      new QueryClient({
        defaultOptions: { queries: { retry: retryUnlessRefused, staleTime: 60_000 } },
      }),
  );
  // For tests, which sign in without a form and look into the cache.
  useEffect(() => {
    Object.assign(globalThis, { client, queryClient });
  });
  return (
    <StrictMode>
      <LatchkeyProvider client={client} queryClient={queryClient}>
        <HydrationBoundary state={data.mode === 'cookie' ? data.queries : undefined}>
          <Page />
        </HydrationBoundary>
      </LatchkeyProvider>
    </StrictMode>
  );
}

/** Renders again with nothing around it, so that what it shows is what its query says. */
const Page = memo(function Page(): ReactNode {
  return (
    <>
      <Who />
      <Greeting />
      <Late />
      <Note />
      <SignedOut>
        <p>Nobody is signed in.</p>
      </SignedOut>
      <SignedIn>
        {Array.from({ length: 20 }, (_, index) => (
          <Item key={index} index={index + 1} />
        ))}
      </SignedIn>
      <RequireRole role="admin" fallback={<p>Not for you.</p>}>
        <Forbidden />
      </RequireRole>
    </>
  );
});

function Who(): ReactNode {
  const { status, user, reason } = useSession();
  const latchkey = useLatchkey();
  const signOut = useMutation({ mutationFn: latchkey.signOut });
  return (
    <header>
      <p>
        Session: {status} {user?.email ?? reason}
      </p>
      <button onClick={() => signOut.mutate()}>Sign out</button>
    </header>
  );
}

const Greeting = memo(function Greeting(): ReactNode {
  const { data } = useQuery(useTRPC().greeting.queryOptions());
  return (
    <p>
      {data}
      <input aria-label="Draft" />
    </p>
  );
});

/** Stays mounted whoever is there, and asks whenever it may. */
const Late = memo(function Late(): ReactNode {
  const { data, refetch } = useQuery({ ...useTRPC().late.queryOptions(), enabled: false });
  return <button onClick={() => void refetch()}>Late: {data ?? 'nothing'}</button>;
});

const Note = memo(function Note(): ReactNode {
  const { data, mutate, status } = useMutation({
    ...useTRPC().note.mutationOptions({
      onSettled: () => Object.assign(globalThis, { isNoteSettled: true }),
    }),
    retry: 3,
    retryDelay: 300,
  });
  return (
    <button onClick={() => mutate('a note')}>
      Note: {status} {data}
    </button>
  );
});

function Item({ index }: { readonly index: number }): ReactNode {
  const { data, error } = useQuery(useTRPC().item.queryOptions(index));
  return <li>{error ? `failed ${index}: ${error.message}` : data}</li>;
}

function Forbidden(): ReactNode {
  return useQuery(useTRPC().forbidden.queryOptions()).data;
}
