import { AlertDialog } from '@base-ui/react/alert-dialog';
import { useMutation } from '@tanstack/react-query';
import { useState, type ReactElement } from 'react';
import { SignedIn, useTRPC, useUser } from '../latchkey.ts';
import { texts } from '../texts.ts';
import { RoleBadge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { dialogLook, DialogVeil } from '../ui/confirm-dialog.tsx';
import { Copyable } from '../ui/copyable.tsx';
import { Fact, Facts } from '../ui/facts.tsx';
import { Card, Page } from '../ui/page.tsx';
import { PasswordField } from '../ui/password-field.tsx';
import { ServerForm } from '../ui/server-form.tsx';
import { TextField } from '../ui/text-field.tsx';
import { Time } from '../ui/time.tsx';
import { useAnnounce } from '../ui/toasts.tsx';

const profileFields = { username_taken: 'username' };
const deletionFields = { invalid_credentials: 'password' };
const deletionTexts = { invalid_credentials: texts.password.notYours };

export function Profile(): ReactElement {
  return (
    <Page title={texts.profile.title} description={texts.profile.description}>
      <SignedIn>
        {(user) => (
          <Card title={texts.profile.details}>
            <Facts>
              <Fact name={texts.profile.email}>{user.email}</Fact>
              <Fact name={texts.profile.role}>
                <RoleBadge role={user.role} />
              </Fact>
              <Fact name={texts.profile.memberSince}>
                <Time at={user.createdAt} as="date" />
              </Fact>
              <Fact name={texts.profile.id}>
                <Copyable value={user.id} what={texts.profile.id} />
              </Fact>
            </Facts>
          </Card>
        )}
      </SignedIn>
      <Card title={texts.profile.edit}>
        <div className="max-w-sm">
          <ProfileForm />
        </div>
      </Card>
      <Card
        title={texts.profile.danger}
        description={texts.profile.dangerText}
        actions={<DeleteAccount />}
      />
    </Page>
  );
}

function ProfileForm(): ReactElement {
  const user = useUser();
  const announce = useAnnounce();
  const update = useMutation(
    useTRPC().user.update.mutationOptions({
      onSuccess: () => announce.done(texts.profile.saved),
    }),
  );
  return (
    <ServerForm<'name' | 'username'>
      error={update.error}
      fieldsByReason={profileFields}
      onSubmit={({ name, username }) =>
        update.mutate({ name: orNull(name), username: orNull(username) })
      }
    >
      <TextField
        name="name"
        label={texts.profile.name}
        autoComplete="name"
        isOptional
        maxLength={100}
        defaultValue={user?.name ?? ''}
      />
      <TextField
        name="username"
        label={texts.profile.username}
        hint={texts.profile.usernameHint}
        autoComplete="nickname"
        isOptional
        maxLength={32}
        defaultValue={user?.username ?? ''}
        validate={(value) =>
          /^[a-z0-9][a-z0-9._-]+$/i.test(value) ? null : texts.profile.usernameHint
        }
      />
      <div>
        <Button type="submit" look="primary" isBusy={update.isPending}>
          {texts.save}
        </Button>
      </div>
    </ServerForm>
  );
}

function orNull(value: string): string | null {
  const text = value.trim();
  return text === '' ? null : text;
}

/** Asks for the password: an unlocked screen alone must not be enough. */
function DeleteAccount(): ReactElement {
  const [isOpen, setIsOpen] = useState(false);
  const remove = useMutation(useTRPC().user.delete.mutationOptions());
  return (
    <AlertDialog.Root
      open={isOpen}
      onOpenChange={(open) => {
        setIsOpen(open);
        remove.reset();
      }}
    >
      <AlertDialog.Trigger render={<Button look="danger-quiet">{texts.profile.delete}</Button>} />
      <AlertDialog.Portal>
        <DialogVeil as={AlertDialog.Backdrop} />
        <AlertDialog.Popup className={dialogLook}>
          <AlertDialog.Title className="text-base font-semibold">
            {texts.profile.deleteConfirm}
          </AlertDialog.Title>
          <AlertDialog.Description className="text-muted">
            {texts.profile.dangerText}
          </AlertDialog.Description>
          <ServerForm<'password'>
            error={remove.error}
            fieldsByReason={deletionFields}
            textsByReason={deletionTexts}
            onSubmit={(input) => remove.mutate(input)}
          >
            <PasswordField
              name="password"
              label={texts.profile.deletePassword}
              autoComplete="current-password"
            />
            <div className="flex flex-wrap justify-end gap-2">
              <AlertDialog.Close render={<Button>{texts.cancel}</Button>} />
              <Button type="submit" look="danger" isBusy={remove.isPending}>
                {texts.profile.delete}
              </Button>
            </div>
          </ServerForm>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
