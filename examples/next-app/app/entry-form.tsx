'use client';

import { useMutation } from '@tanstack/react-query';
import { refusalOf, type Reason } from 'latchkey/client';
import { useRouter } from 'next/navigation';
import { useState, type SubmitEvent } from 'react';
import { useLatchkey } from './latchkey.ts';

const sentences: Partial<Record<Reason, string>> = {
  invalid_credentials: 'No account has this e-mail address and password.',
  email_taken: 'There is an account with this e-mail address already.',
  weak_password: 'This password is too easy to guess.',
  rate_limited: 'Too many tries. Wait a little, then try again.',
};

/** Signs in, or up. */
export function EntryForm() {
  const { signIn, signUp } = useLatchkey();
  const router = useRouter();
  const [isNew, setIsNew] = useState(false);
  const entry = useMutation({
    mutationFn: isNew ? signUp : signIn,
    // The server renders the page once more, for whoever has come in.
    onSuccess: () => router.refresh(),
  });
  const refusal = refusalOf(entry.error);

  function enter(event: SubmitEvent<HTMLFormElement>): void {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    entry.mutate({ email: form.get('email') as string, password: form.get('password') as string });
  }
  return (
    <form onSubmit={enter}>
      <label>
        E-mail address
        <input name="email" type="email" autoComplete="username" required />
      </label>
      <label>
        Password
        <input
          name="password"
          type="password"
          autoComplete={isNew ? 'new-password' : 'current-password'}
          required
        />
      </label>
      {entry.isError && (
        <p role="alert">
          {refusal?.issues[0]?.message ??
            (refusal && sentences[refusal.reason]) ??
            'That did not work. Try again.'}
        </p>
      )}
      <button disabled={entry.isPending}>{isNew ? 'Sign up' : 'Sign in'}</button>
      <button type="button" className="plain" onClick={() => setIsNew(!isNew)}>
        {isNew ? 'I have an account' : 'I am new here'}
      </button>
    </form>
  );
}
