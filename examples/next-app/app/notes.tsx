'use client';

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useRouter } from 'next/navigation';
import { SignedIn, useLatchkey, useTRPC } from './latchkey.ts';

export function Notes() {
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const router = useRouter();
  const { signOut } = useLatchkey();
  const { data: notes } = useQuery(trpc.notes.list.queryOptions());
  const adding = useMutation(
    trpc.notes.add.mutationOptions({
      onSuccess: () => queryClient.invalidateQueries(trpc.notes.list.queryFilter()),
    }),
  );
  const leaving = useMutation({ mutationFn: signOut, onSuccess: () => router.refresh() });

  return (
    <>
      <p>
        Signed in as <SignedIn>{(user) => <strong>{user.email}</strong>}</SignedIn>
        <button className="plain" onClick={() => leaving.mutate()}>
          Sign out
        </button>
      </p>
      <ul>
        {notes?.map(({ id, text }) => (
          <li key={id}>{text}</li>
        ))}
      </ul>
      <form action={(form) => adding.mutate({ text: form.get('text') as string })}>
        <label>
          A note
          <input name="text" required maxLength={200} autoComplete="off" />
        </label>
        <button disabled={adding.isPending}>Add</button>
        {adding.isError && <p role="alert">That did not work. Try again.</p>}
      </form>
    </>
  );
}
