import { ArrowRight, ChevronsLeft } from 'lucide-react';
import type { ReactElement, ReactNode } from 'react';
import { texts } from '../texts.ts';
import { buttonLook } from './button.tsx';

interface Column {
  readonly name: string;
  /** Left out where the window is narrow. */
  readonly isWide?: boolean;
  /** Read out, not shown. */
  readonly isNameHidden?: boolean;
}

interface TableProps {
  /** What the table is, for who cannot see where it stands. */
  readonly caption: string;
  readonly columns: readonly Column[];
  readonly children: ReactNode;
}

/** Rows are `<tr>` of `Cell`s. */
export function Table({ caption, columns, children }: TableProps): ReactElement {
  return (
    <table className="w-full border-collapse text-left">
      <caption className="sr-only">{caption}</caption>
      <thead className="border-b border-line text-xs text-muted">
        <tr>
          {columns.map(({ name, isWide = false, isNameHidden = false }) => (
            <th
              key={name}
              scope="col"
              className={`px-4 py-2.5 font-medium sm:first:pl-5 sm:last:pr-5 ${isWide ? 'hidden md:table-cell' : ''}`}
            >
              <span className={isNameHidden ? 'sr-only' : ''}>{name}</span>
            </th>
          ))}
        </tr>
      </thead>
      <tbody className="[&>tr]:border-b [&>tr]:border-line [&>tr:hover]:bg-hover/60 [&>tr:last-child]:border-0">
        {children}
      </tbody>
    </table>
  );
}

export function Cell(props: {
  readonly isWide?: boolean;
  readonly isLast?: boolean;
  readonly children?: ReactNode;
}): ReactElement {
  const { isWide = false, isLast = false, children } = props;
  return (
    <td
      className={`px-4 py-3 align-middle sm:first:pl-5 sm:last:pr-5 ${isWide ? 'hidden md:table-cell' : ''} ${isLast ? 'text-right' : ''}`}
    >
      {children}
    </td>
  );
}

/** The ways to other pages of a list; the browser's back button leads to the page before. */
export function Paging(props: {
  readonly firstHref: string | null;
  readonly nextHref: string | null;
}): ReactNode {
  const { firstHref, nextHref } = props;
  if (firstHref === null && nextHref === null) return null;
  return (
    <nav
      aria-label={texts.paging.label}
      className="flex justify-between border-t border-line px-4 py-3 sm:px-5"
    >
      {firstHref === null ? (
        <span />
      ) : (
        <a className={buttonLook('secondary', 'small')} href={firstHref}>
          <ChevronsLeft aria-hidden />
          {texts.paging.first}
        </a>
      )}
      {nextHref !== null && (
        <a className={buttonLook('secondary', 'small')} href={nextHref}>
          {texts.paging.next}
          <ArrowRight aria-hidden />
        </a>
      )}
    </nav>
  );
}
