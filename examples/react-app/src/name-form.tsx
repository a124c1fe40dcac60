import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { SubmitEvent } from 'react';
import { Field } from './field.tsx';
import { useTRPC, useUser } from './latchkey.ts';
import { describeField } from './refusal-text.ts';

/** The session takes note of a changed user by itself; what else shows the name is fetched anew. */
export function NameForm() {
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const user = useUser();
  const { mutate, error, isPending } = useMutation(
    trpc.user.update.mutationOptions({
      onSuccess: () => queryClient.invalidateQueries(trpc.greeting.queryFilter()),
    }),
  );

  function save(event: SubmitEvent<HTMLFormElement>): void {
    event.preventDefault();
    mutate({ name: new FormData(event.currentTarget).get('name') as string });
  }
  return (
    <form onSubmit={save}>
      <Field
        label="Your name"
        name="name"
        autoComplete="name"
        defaultValue={user?.name ?? ''}
        problem={describeField(error, 'name')}
      />
      <button disabled={isPending}>Save</button>
    </form>
  );
}
