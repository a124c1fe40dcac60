import { CircleAlert, Info } from 'lucide-react';
import type { ReactElement, ReactNode } from 'react';

interface NoticeProps {
  /** `problem` is read out as soon as it shows. */
  readonly kind: 'problem' | 'hint';
  readonly children: ReactNode;
}

/** A sentence that stands out. */
export function Notice({ kind, children }: NoticeProps): ReactElement {
  const isProblem = kind === 'problem';
  const Icon = isProblem ? CircleAlert : Info;
  return (
    <div
      role={isProblem ? 'alert' : undefined}
      className={`flex gap-2.5 rounded-lg px-3 py-2.5 ${isProblem ? 'bg-danger-soft text-danger' : 'bg-accent-soft text-ink'}`}
    >
      <Icon aria-hidden className={`mt-0.5 size-4 shrink-0 ${isProblem ? '' : 'text-accent'}`} />
      <div className="min-w-0">{children}</div>
    </div>
  );
}
