import type { ReactElement, ReactNode } from 'react';
import { texts } from '../texts.ts';

const tones = {
  neutral: 'bg-hover text-muted',
  accent: 'bg-accent-soft text-accent',
  danger: 'bg-danger-soft text-danger',
  warning: 'bg-warning-soft text-warning',
} as const;

export type Tone = keyof typeof tones;

export function Badge(props: { readonly tone?: Tone; readonly children: ReactNode }): ReactElement {
  const { tone = 'neutral', children } = props;
  return (
    <span
      className={`inline-flex items-center rounded-md px-1.5 py-0.5 text-xs font-medium whitespace-nowrap ${tones[tone]}`}
    >
      {children}
    </span>
  );
}

export function RoleBadge({ role }: { readonly role: string }): ReactElement {
  return <Badge tone={role === 'admin' ? 'accent' : 'neutral'}>{role}</Badge>;
}

export function StatusBadge({ status }: { readonly status: 'active' | 'disabled' }): ReactElement {
  return (
    <Badge tone={status === 'active' ? 'neutral' : 'danger'}>{texts.users.statuses[status]}</Badge>
  );
}
