import { dehydrate, HydrationBoundary, QueryClient, useQuery } from '@tanstack/react-query';
import type { AppRouter } from 'latchkey/server';
import type { ReactElement } from 'react';
import { renderToString } from 'react-dom/server';
import { expect, test } from 'vitest';
import { createClient, type UserOf } from '../create-client.ts';
import { createLatchkeyReact } from './index.ts';

const { LatchkeyProvider, useSession, useTRPC, useUser, SignedIn, SignedOut, RequireRole } =
  createLatchkeyReact<AppRouter>();

const ada: UserOf<AppRouter> = {
  id: 'a',
  email: 'ada@test.example',
  emailVerified: false,
  username: null,
  name: 'Ada',
  role: 'user',
  status: 'active',
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:00.000Z',
};

/** Renders as a server does: in cookie mode, with what it knows of the visitor. */
function render(initialUser: typeof ada | null | undefined, element: ReactElement): string {
  let requests = 0;
  const client = createClient<AppRouter>({
    url: 'https://api.test/trpc',
    mode: 'cookie',
    initialUser,
    fetch: () => {
      requests++;
      throw new Error('A server that renders has no session to refresh.');
    },
  });
  const html = renderToString(
    <LatchkeyProvider client={client} queryClient={new QueryClient()}>
      {element}
    </LatchkeyProvider>,
  );
  expect(requests).toBe(0);
  // React's mark between two texts.
  return html.replaceAll('<!-- -->', ', ');
}

function Status(): string {
  return `${useSession().status} ${useUser()?.name}`;
}

const guards = (
  <>
    <SignedIn fallback="fallback">{(user) => `in as ${user.name}`}</SignedIn>
    <SignedOut>out</SignedOut>
    <RequireRole role="admin" fallback="not for you">
      secret
    </RequireRole>
  </>
);

test('a server that knows the visitor renders the page of that user', () => {
  expect(render(ada, <Status />)).toBe('signed-in Ada');
  expect(render(ada, guards)).toBe('in as Ada, not for you');
  expect(render({ ...ada, role: 'admin' }, guards)).toBe('in as Ada, secret');
});

test('a server that knows there is nobody renders the page for nobody', () => {
  expect(render(null, <Status />)).toBe('signed-out undefined');
  expect(render(null, guards)).toBe('fallback, out, not for you');
});

test('a server that does not know renders neither', () => {
  expect(render(undefined, <Status />)).toBe('loading undefined');
  expect(render(undefined, guards)).toBe('');
});

test('what was fetched on the server is rendered', () => {
  const fetched = new QueryClient();
  fetched.setQueryData([['user', 'me'], { type: 'query' }], ada);
  function Me(): string | undefined {
    return useQuery(useTRPC().user.me.queryOptions()).data?.email;
  }
  const page = (
    <HydrationBoundary state={dehydrate(fetched)}>
      <Me />
    </HydrationBoundary>
  );
  expect(render(ada, page)).toBe('ada@test.example');
});

test('outside the provider a hook says what is missing', () => {
  expect(() => renderToString(<Status />)).toThrow('<LatchkeyProvider>');
});
