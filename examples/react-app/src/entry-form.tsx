import { useMutation } from '@tanstack/react-query';
import { useState, type SubmitEvent } from 'react';
import { Field } from './field.tsx';
import { useLatchkey } from './latchkey.ts';
import { describeField, describeRefusal } from './refusal-text.ts';

/** Signs in, or up. */
export function EntryForm() {
  const { signIn, signUp } = useLatchkey();
  const [isNew, setIsNew] = useState(false);
  const { mutate, reset, error, isPending } = useMutation({ mutationFn: isNew ? signUp : signIn });

  function enter(event: SubmitEvent<HTMLFormElement>): void {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    mutate({ email: form.get('email') as string, password: form.get('password') as string });
  }
  function turn(): void {
    reset();
    setIsNew(!isNew);
  }
  return (
    // What is wrong, the server says: in the same words for every client.
    <form onSubmit={enter} noValidate>
      <h1>{isNew ? 'Sign up' : 'Sign in'}</h1>
      <Field
        label="E-mail address"
        name="email"
        type="email"
        autoComplete="username"
        problem={describeField(error, 'email')}
      />
      <Field
        label="Password"
        name="password"
        type="password"
        autoComplete={isNew ? 'new-password' : 'current-password'}
        problem={describeField(error, 'password')}
      />
      {error && <p role="alert">{describeRefusal(error, ['email', 'password'])}</p>}
      <button disabled={isPending}>{isNew ? 'Sign up' : 'Sign in'}</button>
      <button type="button" className="plain" onClick={turn}>
        {isNew ? 'I have an account' : 'I am new here'}
      </button>
    </form>
  );
}
