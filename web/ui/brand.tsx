import type { ReactElement } from 'react';
import { texts } from '../texts.ts';

export function Brand(): ReactElement {
  return (
    <span className="flex items-center gap-2.5 text-[0.9375rem] font-semibold tracking-tight">
      <Mark className="size-7" />
      {texts.product}
    </span>
  );
}

export function Mark({ className }: { readonly className: string }): ReactElement {
  return (
    <svg viewBox="0 0 32 32" className={className} aria-hidden>
      <rect width="32" height="32" rx="8" className="fill-accent" />
      <g
        fill="none"
        className="stroke-on-accent"
        strokeWidth="2.6"
        strokeLinecap="round"
        strokeLinejoin="round"
      >
        <circle cx="12" cy="12.5" r="4.6" />
        <path d="m15.4 15.9 8 8m-2.9-2.9 2.6-2.6" />
      </g>
    </svg>
  );
}
