import { useMutation } from '@tanstack/react-query';
import { useState, type ReactElement } from 'react';
import { useLatchkey } from '../latchkey.ts';
import { NewPasswordField } from '../password/new-password-field.tsx';
import { hrefOf } from '../routing.ts';
import { texts } from '../texts.ts';
import { Button } from '../ui/button.tsx';
import { ServerForm } from '../ui/server-form.tsx';
import { TextField } from '../ui/text-field.tsx';
import { Entrance, linkLook } from './entrance.tsx';

const fieldsByReason = { email_taken: 'email', weak_password: 'password' };

export function SignUp(): ReactElement {
  const signUp = useMutation({ mutationFn: useLatchkey().signUp });
  const [email, setEmail] = useState('');
  const [name, setName] = useState('');
  return (
    <Entrance
      title={texts.signUp.title}
      footer={
        <>
          {texts.signUp.haveAccount}{' '}
          <a className={linkLook} href={hrefOf('/')}>
            {texts.signUp.signIn}
          </a>
        </>
      }
    >
      <ServerForm<'password'>
        error={signUp.error}
        fieldsByReason={fieldsByReason}
        onSubmit={({ password }) => {
          const displayName = name.trim();
          signUp.mutate({
            email: email.trim(),
            password,
            ...(displayName === '' ? {} : { name: displayName }),
          });
        }}
      >
        <TextField
          name="email"
          label={texts.signUp.email}
          autoComplete="username"
          inputMode="email"
          validate={(value) => (/^\S+@\S+$/.test(value.trim()) ? null : texts.signUp.notAnEmail)}
          onValueChange={setEmail}
        />
        <TextField
          name="name"
          label={texts.signUp.name}
          autoComplete="name"
          isOptional
          maxLength={100}
          onValueChange={setName}
        />
        <NewPasswordField name="password" label={texts.signUp.password} ownWords={[email, name]} />
        <Button type="submit" look="primary" isBusy={signUp.isPending}>
          {texts.signUp.submit}
        </Button>
      </ServerForm>
    </Entrance>
  );
}
