import { Toast } from '@base-ui/react/toast';
import { X } from 'lucide-react';
import type { ReactElement, ReactNode } from 'react';
import { describeError } from '../session/describe-error.ts';
import { texts } from '../texts.ts';

/** Short messages that come and go, and are read out. */
export function Toasts({ children }: { readonly children: ReactNode }): ReactElement {
  return (
    <Toast.Provider timeout={6_000}>
      {children}
      <Toast.Portal>
        <Toast.Viewport className="fixed right-4 bottom-4 left-4 z-50 mx-auto flex max-w-sm flex-col gap-2 sm:left-auto sm:mx-0 sm:w-96">
          <ToastList />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

function ToastList(): ReactNode {
  const { toasts } = Toast.useToastManager();
  return toasts.map((toast) => (
    <Toast.Root
      key={toast.id}
      toast={toast}
      className={`rounded-lg border bg-surface shadow-float transition duration-200 data-ending-style:translate-y-2 data-ending-style:opacity-0 data-starting-style:translate-y-2 data-starting-style:opacity-0 ${toast.type === 'problem' ? 'border-danger' : 'border-line'}`}
    >
      <Toast.Content className="flex items-start gap-3 py-2.5 pr-2 pl-3.5">
        <Toast.Description className="min-w-0 flex-1 py-0.5" />
        <Toast.Close
          className="rounded-md p-1.5 text-muted hover:bg-hover hover:text-ink"
          aria-label={texts.close}
        >
          <X aria-hidden className="size-4" />
        </Toast.Close>
      </Toast.Content>
    </Toast.Root>
  ));
}

export interface Announce {
  /** Says that something is done. */
  readonly done: (sentence: string) => void;
  /** Says why something is not. */
  readonly problem: (error: unknown) => void;
}

export function useAnnounce(): Announce {
  const { add } = Toast.useToastManager();
  return {
    done: (description) => add({ description }),
    problem: (error) =>
      add({ description: describeError(error), type: 'problem', priority: 'high' }),
  };
}
