import type { Session } from 'latchkey/server';
import { Laptop, Smartphone, SquareTerminal } from 'lucide-react';
import type { ReactElement } from 'react';
import { texts } from '../texts.ts';
import { Badge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { Time } from '../ui/time.tsx';
import { describeDevice, describePlace, kindOfDevice } from './describe-origin.ts';

const icons = { mobile: Smartphone, computer: Laptop, program: SquareTerminal } as const;

interface SessionListProps {
  readonly sessions: readonly Session[];
  /** The one that is being ended. */
  readonly busyId: string | undefined;
  readonly onRevoke: (sessionId: string) => void;
}

/** Where a user is signed in. */
export function SessionList({ sessions, busyId, onRevoke }: SessionListProps): ReactElement {
  return (
    <ul className="divide-y divide-line">
      {sessions.map((session) => {
        const device = describeDevice(session.userAgent);
        const Icon = icons[kindOfDevice(session.userAgent)];
        return (
          <li key={session.id} className="flex items-center gap-3.5 px-4 py-3.5 sm:px-5">
            <span className="hidden rounded-lg bg-hover p-2 text-muted sm:block">
              <Icon aria-hidden className="size-5" />
            </span>
            <div className="min-w-0 flex-1">
              <p className="flex flex-wrap items-center gap-x-2 gap-y-0.5">
                <span className="font-medium" title={session.userAgent ?? undefined}>
                  {device}
                </span>
                {session.current && <Badge tone="accent">{texts.sessions.thisDevice}</Badge>}
              </p>
              <p className="mt-0.5 text-[0.8125rem] break-words text-muted">
                {describePlace(session.ip)}
                {' · '}
                {texts.sessions.lastSeen} <Time at={session.lastSeenAt} />
                {' · '}
                {texts.sessions.signedIn} <Time at={session.createdAt} as="date" />
              </p>
            </div>
            {!session.current && (
              <Button
                size="small"
                aria-label={texts.sessions.revokeOf(device)}
                isBusy={busyId === session.id}
                onClick={() => onRevoke(session.id)}
              >
                {texts.sessions.revoke}
              </Button>
            )}
          </li>
        );
      })}
    </ul>
  );
}
