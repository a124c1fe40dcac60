import { Check, Copy } from 'lucide-react';
import { useState, type ReactElement } from 'react';
import { texts } from '../texts.ts';

interface CopyableProps {
  readonly value: string;
  /** What it is, for the name of the button. */
  readonly what: string;
  /** Only its end is shown, where ids of one time look alike at their beginning. */
  readonly isShort?: boolean;
}

/** An id as it is, and a button that copies it. */
export function Copyable({ value, what, isShort = false }: CopyableProps): ReactElement {
  const [isCopied, setIsCopied] = useState(false);
  async function copy(): Promise<void> {
    await navigator.clipboard.writeText(value);
    setIsCopied(true);
  }
  return (
    <span className="inline-flex max-w-full items-center gap-1">
      <code className="truncate font-mono text-xs" title={value}>
        {isShort ? `…${value.slice(-8)}` : value}
      </code>
      <button
        type="button"
        className="rounded-md p-1 text-muted hover:bg-hover hover:text-ink"
        aria-label={texts.copy(what)}
        onClick={() => void copy()}
        onBlur={() => setIsCopied(false)}
      >
        {isCopied ? (
          <Check aria-hidden className="size-3.5" />
        ) : (
          <Copy aria-hidden className="size-3.5" />
        )}
      </button>
      <span role="status" className="sr-only">
        {isCopied ? texts.copied : ''}
      </span>
    </span>
  );
}
