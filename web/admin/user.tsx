import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { ArrowLeft } from 'lucide-react';
import { useState, type ReactElement } from 'react';
import { useTRPC, useUser } from '../latchkey.ts';
import { hrefOf } from '../routing.ts';
import { linkLook } from '../session/entrance.tsx';
import { SessionList } from '../session/session-list.tsx';
import { useSettings } from '../settings.ts';
import { texts } from '../texts.ts';
import { RoleBadge, StatusBadge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { ConfirmDialog, Confirmation } from '../ui/confirm-dialog.tsx';
import { Copyable } from '../ui/copyable.tsx';
import { Fact, Facts } from '../ui/facts.tsx';
import { Card, Page } from '../ui/page.tsx';
import { Select } from '../ui/select.tsx';
import { Empty, Loaded } from '../ui/states.tsx';
import { Time } from '../ui/time.tsx';
import { useAnnounce } from '../ui/toasts.tsx';
import { EventTable } from './event-table.tsx';

/** So many of the last events; the audit log has all of them. */
const eventsShown = 10;

interface UserProps {
  readonly userId: string;
}

/** What an administrator sees of a user, and may do. */
export function UserPage({ userId }: UserProps): ReactElement {
  const user = useQuery(useTRPC().admin.getUser.queryOptions({ userId }));
  return (
    <Page
      title={user.data?.email ?? texts.users.user}
      description={
        <a className={`${linkLook} inline-flex items-center gap-1`} href={hrefOf('/users')}>
          <ArrowLeft aria-hidden className="size-3.5" />
          {texts.user.back}
        </a>
      }
    >
      <Card>
        <Loaded query={user} rows={2}>
          {(known) => (
            <Facts>
              <Fact name={texts.profile.name}>
                {known.name ?? <span className="text-muted">{texts.none}</span>}
              </Fact>
              <Fact name={texts.profile.username}>
                {known.username ?? <span className="text-muted">{texts.none}</span>}
              </Fact>
              <Fact name={texts.users.role}>
                <RoleBadge role={known.role} />
              </Fact>
              <Fact name={texts.users.status}>
                <StatusBadge status={known.status} />
              </Fact>
              <Fact name={texts.profile.memberSince}>
                <Time at={known.createdAt} as="date-and-time" />
              </Fact>
              <Fact name={texts.profile.id}>
                <Copyable value={known.id} what={texts.profile.id} />
              </Fact>
            </Facts>
          )}
        </Loaded>
      </Card>
      {user.data && (
        <>
          <Access {...user.data} />
          <UserSessions userId={userId} who={user.data.email} />
          <UserEvents userId={userId} />
        </>
      )}
    </Page>
  );
}

/** What was changed shows here and in every list. */
function useReload(): () => Promise<void> {
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  return () => queryClient.invalidateQueries(trpc.admin.pathFilter());
}

interface AccessProps {
  readonly id: string;
  readonly email: string;
  readonly role: string;
  readonly status: 'active' | 'disabled';
}

function Access({ id: userId, email, role, status }: AccessProps): ReactElement {
  const isOwn = useUser()?.id === userId;
  const [wantedRole, setWantedRole] = useState(role);
  const [isAsking, setIsAsking] = useState(false);
  const trpc = useTRPC();
  const { roles } = useSettings();
  const announce = useAnnounce();
  const onSettled = useReload();
  const setRole = useMutation(
    trpc.admin.setRole.mutationOptions({
      onSuccess: (changed) => announce.done(texts.user.roleChanged(email, changed.role)),
      onSettled,
    }),
  );
  const disable = useMutation(
    trpc.admin.disableUser.mutationOptions({
      onSuccess: () => announce.done(texts.user.disabled(email)),
      onSettled,
    }),
  );
  const enable = useMutation(
    trpc.admin.enableUser.mutationOptions({
      onSuccess: () => announce.done(texts.user.enabled(email)),
      onError: announce.problem,
      onSettled,
    }),
  );
  return (
    <Card title={texts.user.access}>
      <div className="grid gap-6 sm:grid-cols-2">
        <div>
          <Select
            label={texts.user.role}
            value={isAsking ? wantedRole : role}
            options={roles.map((each) => ({ value: each, label: each }))}
            // A key on the closed list chooses already, so nothing is done before it is asked for.
            onChange={(chosen) => {
              setWantedRole(chosen);
              setIsAsking(true);
            }}
          />
          <Confirmation
            isOpen={isAsking}
            onOpenChange={setIsAsking}
            title={texts.user.roleConfirm(email, wantedRole)}
            text={
              isOwn
                ? texts.user.ownAccount
                : wantedRole === 'admin'
                  ? texts.user.adminText
                  : texts.user.roleText
            }
            action={texts.user.giveRole}
            isDangerous={isOwn}
            onConfirm={() =>
              // One of the server's own roles, of which the router's type knows the built-in ones.
              setRole.mutateAsync({ userId, role: wantedRole as 'user' | 'admin' })
            }
          />
          <p className="mt-1.5 text-[0.8125rem] text-muted">{texts.user.roleHint}</p>
        </div>
        <div>
          <p className="mb-1.5 font-medium">{texts.users.status}</p>
          {status === 'active' ? (
            <ConfirmDialog
              trigger={<Button look="danger-quiet">{texts.user.disable}</Button>}
              title={texts.user.disableConfirm(email)}
              text={isOwn ? texts.user.ownAccount : texts.user.disableText}
              action={texts.user.disable}
              isDangerous
              onConfirm={() => disable.mutateAsync({ userId })}
            />
          ) : (
            <Button isBusy={enable.isPending} onClick={() => enable.mutate({ userId })}>
              {texts.user.enable}
            </Button>
          )}
          <p className="mt-1.5 text-[0.8125rem] text-muted">
            {status === 'active' ? texts.user.disableHint : texts.user.enableHint}
          </p>
        </div>
      </div>
    </Card>
  );
}

function UserSessions({ userId, who }: UserProps & { readonly who: string }): ReactElement {
  const trpc = useTRPC();
  const announce = useAnnounce();
  const onSettled = useReload();
  const sessions = useQuery(trpc.admin.listSessions.queryOptions({ userId }));
  const revoke = useMutation(
    trpc.admin.revokeSession.mutationOptions({
      onSuccess: () => announce.done(texts.sessions.revoked),
      onError: announce.problem,
      onSettled,
    }),
  );
  const revokeAll = useMutation(
    trpc.admin.revokeSessions.mutationOptions({
      onSuccess: ({ revoked }) => announce.done(texts.user.revokedAll(revoked)),
      onSettled,
    }),
  );
  const hasSome = (sessions.data?.length ?? 0) > 0;
  return (
    <Card
      isFlush
      title={texts.user.sessions}
      actions={
        hasSome && (
          <ConfirmDialog
            trigger={
              <Button look="danger-quiet" size="small">
                {texts.user.revokeAll}
              </Button>
            }
            title={texts.user.revokeAllConfirm(who)}
            text={texts.user.revokeAllText}
            action={texts.user.revokeAll}
            isDangerous
            onConfirm={() => revokeAll.mutateAsync({ userId })}
          />
        )
      }
    >
      <Loaded query={sessions}>
        {(list) =>
          list.length === 0 ? (
            <Empty title={texts.sessions.empty} text={texts.sessions.emptyText} />
          ) : (
            <SessionList
              sessions={list}
              busyId={revoke.isPending ? revoke.variables.sessionId : undefined}
              onRevoke={(sessionId) => revoke.mutate({ userId, sessionId })}
            />
          )
        }
      </Loaded>
    </Card>
  );
}

function UserEvents({ userId }: UserProps): ReactElement {
  const events = useQuery(
    useTRPC().admin.listAuditEvents.queryOptions({ userId, limit: eventsShown }),
  );
  return (
    <Card
      isFlush
      title={texts.user.events}
      actions={
        <a className={linkLook} href={hrefOf('/audit', { user: userId })}>
          {texts.user.allEvents}
        </a>
      }
    >
      <Loaded query={events}>
        {({ events: rows }) =>
          rows.length === 0 ? (
            <Empty title={texts.audit.empty} text={texts.audit.emptyText} />
          ) : (
            <EventTable events={rows} showsUser={false} />
          )
        }
      </Loaded>
    </Card>
  );
}
