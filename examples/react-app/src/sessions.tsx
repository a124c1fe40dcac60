import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useTRPC } from './latchkey.ts';

/** Where the user is signed in. A session that is ended here is over at its next call. */
export function Sessions() {
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const { data: sessions } = useQuery(trpc.session.list.queryOptions());
  const ending = useMutation(
    trpc.session.revoke.mutationOptions({
      onSuccess: () => queryClient.invalidateQueries(trpc.session.list.queryFilter()),
    }),
  );
  return (
    <section>
      <h2>Where you are signed in</h2>
      <ul>
        {sessions?.map(({ id, current, createdAt, userAgent }) => (
          <li key={id}>
            {userAgent ?? 'Unknown device'}, since {new Date(createdAt).toLocaleString()}{' '}
            {current ? (
              <strong>here</strong>
            ) : (
              <button
                className="plain"
                disabled={ending.isPending}
                onClick={() => ending.mutate({ sessionId: id })}
              >
                End
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
