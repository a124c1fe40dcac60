import type { ReactElement, ReactNode } from 'react';
import { Mark } from '../ui/brand.tsx';
import { usePageTitle } from '../ui/page.tsx';
import { ThemeChoice } from '../ui/theme-choice.tsx';

interface EntranceProps {
  readonly title: string;
  readonly children: ReactNode;
  /** Stands below: the way to somewhere else. */
  readonly footer: ReactNode;
}

/** The page of somebody who is not signed in. */
export function Entrance({ title, children, footer }: EntranceProps): ReactElement {
  const heading = usePageTitle(title);
  return (
    <div className="flex min-h-dvh flex-col">
      <header className="flex justify-end px-4 py-4 sm:px-6">
        <ThemeChoice />
      </header>
      <main className="flex flex-1 flex-col items-center px-4 pt-[4vh] pb-16">
        <div className="flex w-full max-w-100 flex-col gap-6">
          <div className="flex flex-col items-center gap-3 text-center">
            <Mark className="size-11" />
            <h1 ref={heading} tabIndex={-1} className="text-xl font-semibold tracking-tight">
              {title}
            </h1>
          </div>
          <div className="card flex flex-col gap-5 p-5 sm:p-6">{children}</div>
          <p className="text-center text-muted">{footer}</p>
        </div>
      </main>
    </div>
  );
}

/** How a link inside a text looks. */
export const linkLook =
  'rounded-sm font-medium text-accent underline decoration-accent/40 underline-offset-4 hover:decoration-accent';
