import { useMutation } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { useLatchkey, useSession } from '../latchkey.ts';
import { hrefOf } from '../routing.ts';
import { useSettings } from '../settings.ts';
import { texts } from '../texts.ts';
import { Button } from '../ui/button.tsx';
import { Notice } from '../ui/notice.tsx';
import { PasswordField } from '../ui/password-field.tsx';
import { ServerForm } from '../ui/server-form.tsx';
import { TextField } from '../ui/text-field.tsx';
import { Entrance, linkLook } from './entrance.tsx';

const fieldsByReason = { invalid_credentials: 'password' };

export function SignIn(): ReactElement {
  const settings = useSettings();
  const { reason } = useSession();
  const signIn = useMutation({ mutationFn: useLatchkey().signIn });
  return (
    <Entrance
      title={texts.signIn.title}
      footer={
        <>
          {texts.signIn.noAccount}{' '}
          <a className={linkLook} href={hrefOf('/sign-up')}>
            {texts.signIn.signUp}
          </a>
        </>
      }
    >
      {reason !== null && signIn.isIdle && (
        <Notice kind="problem">
          {reason === 'refresh_reused' ? texts.signIn.reused : texts.signIn.ended}
        </Notice>
      )}
      <ServerForm<'identifier' | 'password'>
        error={signIn.error}
        fieldsByReason={fieldsByReason}
        onSubmit={({ identifier, password }) => {
          const typed = identifier.trim();
          const who = typed.includes('@') ? { email: typed } : { username: typed };
          signIn.mutate({ ...who, password });
        }}
      >
        <TextField
          name="identifier"
          label={texts.signIn.identifier}
          autoComplete="username"
          inputMode="email"
        />
        <PasswordField
          name="password"
          label={texts.signIn.password}
          autoComplete="current-password"
        />
        <Button type="submit" look="primary" isBusy={signIn.isPending}>
          {texts.signIn.submit}
        </Button>
      </ServerForm>
      {!settings.production && <Notice kind="hint">{texts.signIn.firstStart}</Notice>}
    </Entrance>
  );
}
