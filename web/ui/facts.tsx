import type { ReactElement, ReactNode } from 'react';

/** What there is to know, as names and values. */
export function Facts({ children }: { readonly children: ReactNode }): ReactElement {
  return <dl className="grid gap-x-8 gap-y-4 sm:grid-cols-2">{children}</dl>;
}

export function Fact(props: { readonly name: string; readonly children: ReactNode }): ReactElement {
  return (
    <div className="min-w-0">
      <dt className="text-[0.8125rem] text-muted">{props.name}</dt>
      <dd className="mt-0.5 break-words">{props.children}</dd>
    </div>
  );
}
