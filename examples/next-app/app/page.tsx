import { dehydrate, HydrationBoundary } from '@tanstack/react-query';
import { createTRPCOptionsProxy } from '@trpc/tanstack-react-query';
import { appRouter } from '../server/app-router.ts';
import { getVisitor } from '../server/get-visitor.ts';
import { createQueryClient } from './create-query-client.ts';
import { EntryForm } from './entry-form.tsx';
import { SignedIn, SignedOut } from './latchkey.ts';
import { Notes } from './notes.tsx';

export default async function Page() {
  const { user, context } = await getVisitor();
  const queryClient = createQueryClient();
  if (user) {
    const trpc = createTRPCOptionsProxy({ router: appRouter, ctx: context, queryClient });
    await queryClient.query(trpc.notes.list.queryOptions());
  }
  return (
    <main>
      <h1>Notes</h1>
      <SignedOut>
        <EntryForm />
      </SignedOut>
      <SignedIn>
        <HydrationBoundary state={dehydrate(queryClient)}>
          <Notes />
        </HydrationBoundary>
      </SignedIn>
    </main>
  );
}
