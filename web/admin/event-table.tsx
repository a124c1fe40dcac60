import { useQuery } from '@tanstack/react-query';
import type { AuditEvent } from 'latchkey/server';
import type { ReactElement } from 'react';
import { useTRPC } from '../latchkey.ts';
import { hrefOf } from '../routing.ts';
import { describeDevice, describePlace } from '../session/describe-origin.ts';
import { linkLook } from '../session/entrance.tsx';
import { texts } from '../texts.ts';
import { Badge, type Tone } from '../ui/badge.tsx';
import { Cell, Table } from '../ui/table.tsx';
import { Time } from '../ui/time.tsx';
import { describeEvent } from './describe-event.ts';

interface EventTableProps {
  readonly events: readonly AuditEvent[];
  /** Left out where all of them are about one user. */
  readonly showsUser: boolean;
}

/** Security events, newest first. */
export function EventTable({ events, showsUser }: EventTableProps): ReactElement {
  return (
    <Table
      caption={texts.audit.title}
      columns={[
        { name: texts.audit.type },
        ...(showsUser ? [{ name: texts.audit.about, isWide: true }] : []),
        { name: texts.audit.from, isWide: true },
        { name: texts.audit.at },
      ]}
    >
      {events.map((event) => (
        <tr key={event.id}>
          <Cell>
            <div className="flex flex-wrap items-center gap-x-2 gap-y-1">
              <Badge tone={toneOf(event.type)}>{describeEvent(event.type)}</Badge>
              {event.actorId !== null && event.actorId !== event.userId && (
                <span className="text-[0.8125rem] text-muted">
                  {texts.audit.by} <Who userId={event.actorId} />
                </span>
              )}
            </div>
            {showsUser && event.userId !== null && (
              <p className="mt-1 text-[0.8125rem] md:hidden">
                <Who userId={event.userId} />
              </p>
            )}
            <Detail detail={event.detail} />
          </Cell>
          {showsUser && (
            <Cell isWide>
              {event.userId === null ? (
                <span className="text-muted">–</span>
              ) : (
                <Who userId={event.userId} />
              )}
            </Cell>
          )}
          <Cell isWide>
            <p>{describePlace(event.ip)}</p>
            <p className="text-[0.8125rem] text-muted" title={event.userAgent ?? undefined}>
              {describeDevice(event.userAgent)}
            </p>
          </Cell>
          <Cell>
            <Time at={event.at} />
            <p className="hidden text-[0.8125rem] text-muted md:block">
              <Time at={event.at} as="date-and-time" />
            </p>
          </Cell>
        </tr>
      ))}
    </Table>
  );
}

/** A log keeps ids, which outlive the users; a person knows an address. */
function Who({ userId }: { readonly userId: string }): ReactElement {
  const user = useQuery(
    useTRPC().admin.getUser.queryOptions({ userId }, { staleTime: 60_000, retry: false }),
  );
  return (
    <a className={`${linkLook} break-all`} href={hrefOf(`/users/${userId}`)} title={userId}>
      {user.data?.email ?? <code className="font-mono text-xs">…{userId.slice(-8)}</code>}
    </a>
  );
}

function Detail({ detail }: { readonly detail: AuditEvent['detail'] }): ReactElement | null {
  const entries = Object.entries(detail);
  if (entries.length === 0) return null;
  return (
    <p className="mt-1 font-mono text-xs break-all text-muted">
      {entries.map(([name, value]) => `${name}: ${describeValue(value)}`).join(' · ')}
    </p>
  );
}

function describeValue(value: unknown): string {
  if (Array.isArray(value)) return value.map(describeValue).join(', ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** What somebody should look at stands out. */
function toneOf(type: string): Tone {
  if (type === 'session.refresh_reused' || type === 'user.disabled' || type === 'user.deleted') {
    return 'danger';
  }
  if (/failed|refused|reached/.test(type)) return 'warning';
  return type.startsWith('sign_in') || type === 'user.registered' ? 'accent' : 'neutral';
}
