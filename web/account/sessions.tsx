import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { useLatchkey, useTRPC } from '../latchkey.ts';
import { SessionList } from '../session/session-list.tsx';
import { texts } from '../texts.ts';
import { Button } from '../ui/button.tsx';
import { ConfirmDialog } from '../ui/confirm-dialog.tsx';
import { Card, Page } from '../ui/page.tsx';
import { Loaded } from '../ui/states.tsx';
import { useAnnounce } from '../ui/toasts.tsx';

export function Sessions(): ReactElement {
  const trpc = useTRPC();
  const announce = useAnnounce();
  const queryClient = useQueryClient();
  const { signOut } = useLatchkey();
  const sessions = useQuery(trpc.session.list.queryOptions());
  function reload(): Promise<void> {
    return queryClient.invalidateQueries(trpc.session.list.queryFilter());
  }
  const revoke = useMutation(
    trpc.session.revoke.mutationOptions({
      onSuccess: () => announce.done(texts.sessions.revoked),
      onError: announce.problem,
      onSettled: reload,
    }),
  );
  const revokeOthers = useMutation(
    trpc.session.revokeOthers.mutationOptions({
      onSuccess: ({ revoked }) => announce.done(texts.sessions.revokedOthers(revoked)),
      onSettled: reload,
    }),
  );
  const revokeAll = useMutation(
    trpc.session.revokeAll.mutationOptions({
      // The cookie is left over, of a session that has ended.
      onSuccess: () => signOut(),
    }),
  );
  const hasOthers = (sessions.data?.length ?? 0) > 1;
  return (
    <Page
      title={texts.sessions.title}
      description={texts.sessions.description}
      actions={
        <div className="flex flex-wrap gap-2">
          {hasOthers && (
            <ConfirmDialog
              trigger={<Button>{texts.sessions.revokeOthers}</Button>}
              title={texts.sessions.revokeOthersConfirm}
              text={texts.sessions.revokeOthersText}
              action={texts.sessions.revokeOthers}
              onConfirm={() => revokeOthers.mutateAsync()}
            />
          )}
          <ConfirmDialog
            trigger={<Button look="danger-quiet">{texts.sessions.revokeAll}</Button>}
            title={texts.sessions.revokeAllConfirm}
            text={texts.sessions.revokeAllText}
            action={texts.sessions.revokeAll}
            isDangerous
            onConfirm={() => revokeAll.mutateAsync()}
          />
        </div>
      }
    >
      <Card isFlush>
        <Loaded query={sessions}>
          {(list) => (
            <SessionList
              sessions={list}
              busyId={revoke.isPending ? revoke.variables.sessionId : undefined}
              onRevoke={(sessionId) => revoke.mutate({ sessionId })}
            />
          )}
        </Loaded>
      </Card>
    </Page>
  );
}
