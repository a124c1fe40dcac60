import type { ReactElement } from 'react';
import { formatAgo, formatDate, formatDateAndTime, formatExact } from './format.ts';

interface TimeProps {
  readonly at: string;
  readonly as?: 'ago' | 'date' | 'date-and-time';
}

/** A moment, with all of it on hovering. */
export function Time({ at, as = 'ago' }: TimeProps): ReactElement {
  const text =
    as === 'ago'
      ? formatAgo(at, Date.now())
      : as === 'date'
        ? formatDate(at)
        : formatDateAndTime(at);
  return (
    <time dateTime={at} title={formatExact(at)} className="whitespace-nowrap">
      {text}
    </time>
  );
}
