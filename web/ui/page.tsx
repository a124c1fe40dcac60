import { useEffect, useRef, type ReactElement, type ReactNode } from 'react';
import { texts } from '../texts.ts';

interface PageProps {
  readonly title: string;
  readonly description?: ReactNode;
  /** What can be done on the page as a whole. */
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}

/** A page with its heading, which takes the focus when the page opens: readers hear where they are. */
export function Page({ title, description, actions, children }: PageProps): ReactElement {
  const heading = usePageTitle(title);
  return (
    <div className="mx-auto flex w-full max-w-5xl flex-col gap-6">
      <header className="flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
        <div className="min-w-0">
          <h1
            ref={heading}
            tabIndex={-1}
            className="text-xl font-semibold tracking-tight break-words"
          >
            {title}
          </h1>
          {description !== undefined && <p className="mt-1 text-muted">{description}</p>}
        </div>
        {actions}
      </header>
      {children}
    </div>
  );
}

/** Names the window, and gives the heading the focus unless something on the page has it. */
export function usePageTitle(title: string): React.RefObject<HTMLHeadingElement | null> {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · ${texts.product}`;
  }, [title]);
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, []);
  return heading;
}

/** A part of a page in a frame of its own. */
export function Card(props: {
  readonly title?: string;
  readonly description?: ReactNode;
  readonly actions?: ReactNode;
  /** What is inside goes to the edges, as tables do. */
  readonly isFlush?: boolean;
  readonly children?: ReactNode;
}): ReactElement {
  const { title, description, actions, isFlush = false, children } = props;
  return (
    <section className="card">
      {title !== undefined && (
        <div
          className={`flex flex-wrap items-center justify-between gap-3 px-4 pt-4 sm:px-5 ${children === undefined ? 'pb-4' : ''}`}
        >
          <div className="min-w-0">
            <h2 className="font-semibold">{title}</h2>
            {description !== undefined && <p className="mt-0.5 text-muted">{description}</p>}
          </div>
          {actions}
        </div>
      )}
      {children !== undefined && (
        <div className={isFlush ? (title === undefined ? '' : 'pt-2') : 'p-4 sm:p-5'}>
          {children}
        </div>
      )}
    </section>
  );
}
