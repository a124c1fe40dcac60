import { useMutation } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { useTRPC, useUser } from '../latchkey.ts';
import { NewPasswordField } from '../password/new-password-field.tsx';
import { texts } from '../texts.ts';
import { Button } from '../ui/button.tsx';
import { Card, Page } from '../ui/page.tsx';
import { PasswordField } from '../ui/password-field.tsx';
import { ServerForm } from '../ui/server-form.tsx';
import { useAnnounce } from '../ui/toasts.tsx';

const fieldsByReason = {
  invalid_credentials: 'currentPassword',
  weak_password: 'newPassword',
};
const textsByReason = { invalid_credentials: texts.password.notYours };

export function Password(): ReactElement {
  const user = useUser();
  const announce = useAnnounce();
  const change = useMutation(
    useTRPC().user.changePassword.mutationOptions({
      onSuccess: () => announce.done(texts.changePassword.done),
    }),
  );
  return (
    <Page title={texts.changePassword.title} description={texts.changePassword.description}>
      <Card>
        <div className="max-w-sm">
          <ServerForm<'currentPassword' | 'newPassword'>
            // What was typed is forgotten once it counts.
            key={change.isSuccess ? change.submittedAt : 'typing'}
            error={change.error}
            fieldsByReason={fieldsByReason}
            textsByReason={textsByReason}
            onSubmit={(passwords) => change.mutate(passwords)}
          >
            {/* For password managers: whose password it is. */}
            <input type="text" autoComplete="username" readOnly hidden value={user?.email ?? ''} />
            <PasswordField
              name="currentPassword"
              label={texts.changePassword.current}
              autoComplete="current-password"
            />
            <NewPasswordField
              name="newPassword"
              label={texts.changePassword.next}
              ownWords={[user?.email ?? '', user?.username ?? '', user?.name ?? '']}
            />
            <div>
              <Button type="submit" look="primary" isBusy={change.isPending}>
                {texts.changePassword.submit}
              </Button>
            </div>
          </ServerForm>
        </div>
      </Card>
    </Page>
  );
}
