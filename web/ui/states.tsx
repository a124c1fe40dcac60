import { CloudOff, SearchX } from 'lucide-react';
import type { ReactElement, ReactNode } from 'react';
import { describeError } from '../session/describe-error.ts';
import { texts } from '../texts.ts';
import { Button } from './button.tsx';

/** What is to come, in its place and about its size. */
export function Skeleton({ rows = 3 }: { readonly rows?: number }): ReactElement {
  return (
    <div role="status" className="flex flex-col gap-3">
      <span className="sr-only">{texts.loading}</span>
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} className="h-10 animate-pulse rounded-lg bg-hover" />
      ))}
    </div>
  );
}

/** Nothing is there. */
export function Empty(props: {
  readonly title: string;
  readonly text: string;
  readonly children?: ReactNode;
}): ReactElement {
  return (
    <div className="flex flex-col items-center gap-1 px-4 py-12 text-center">
      <SearchX aria-hidden className="mb-2 size-6 text-muted" />
      <p className="font-medium">{props.title}</p>
      <p className="text-muted">{props.text}</p>
      {props.children !== undefined && <div className="mt-3">{props.children}</div>}
    </div>
  );
}

/** Something was to be there, and could not be had. */
export function Failed(props: {
  readonly error: unknown;
  readonly onRetry: () => void;
}): ReactElement {
  return (
    <div role="alert" className="flex flex-col items-center gap-1 px-4 py-12 text-center">
      <CloudOff aria-hidden className="mb-2 size-6 text-muted" />
      <p className="font-medium">{texts.failed}</p>
      <p className="text-muted">{describeError(props.error)}</p>
      <div className="mt-3">
        <Button onClick={props.onRetry}>{texts.retry}</Button>
      </div>
    </div>
  );
}

/** What of a query decides how it shows. */
interface QueryState<Data> {
  readonly data: Data | undefined;
  readonly error: unknown;
  readonly refetch: () => Promise<unknown>;
}

interface LoadedProps<Data> {
  readonly query: QueryState<Data>;
  /** About how many rows will be there. */
  readonly rows?: number;
  readonly children: (data: Data) => ReactNode;
}

/** A query's data; before it is there its place, and without it what went wrong. */
export function Loaded<Data>({ query, rows, children }: LoadedProps<Data>): ReactNode {
  if (query.data !== undefined) return children(query.data);
  if (query.error) return <Failed error={query.error} onRetry={() => void query.refetch()} />;
  return <Skeleton {...(rows === undefined ? {} : { rows })} />;
}
