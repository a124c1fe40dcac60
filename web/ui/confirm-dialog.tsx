import { AlertDialog } from '@base-ui/react/alert-dialog';
import { useState, type ReactElement, type ReactNode } from 'react';
import { describeError } from '../session/describe-error.ts';
import { texts } from '../texts.ts';
import { Button } from './button.tsx';
import { Notice } from './notice.tsx';

interface ConfirmDialogProps extends ConfirmationProps {
  /** The button that asks. */
  readonly trigger: ReactElement;
}

interface ConfirmationProps {
  readonly title: string;
  readonly text: string;
  readonly action: string;
  readonly isDangerous?: boolean;
  /** Does it; the dialog stays open and says why if that fails. */
  readonly onConfirm: () => Promise<unknown>;
}

interface OpenConfirmationProps extends ConfirmationProps {
  readonly isOpen: boolean;
  readonly onOpenChange: (isOpen: boolean) => void;
  readonly children?: ReactNode;
}

/** Asks before something that cannot be taken back. */
export function ConfirmDialog({ trigger, ...question }: ConfirmDialogProps): ReactElement {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <Confirmation {...question} isOpen={isOpen} onOpenChange={setIsOpen}>
      <AlertDialog.Trigger render={trigger} />
    </Confirmation>
  );
}

/** The same where no button asks; whoever renders it says when. */
export function Confirmation(props: OpenConfirmationProps): ReactElement {
  const { title, text, action, isDangerous = false, onConfirm, isOpen, onOpenChange } = props;
  const [isBusy, setIsBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);

  async function confirm(): Promise<void> {
    setIsBusy(true);
    setError(null);
    try {
      await onConfirm();
      onOpenChange(false);
    } catch (thrown) {
      setError(thrown);
    } finally {
      setIsBusy(false);
    }
  }

  return (
    <AlertDialog.Root
      open={isOpen}
      onOpenChange={(open) => {
        onOpenChange(open);
        setError(null);
      }}
    >
      {props.children}
      <AlertDialog.Portal>
        <DialogVeil as={AlertDialog.Backdrop} />
        <AlertDialog.Popup className={dialogLook}>
          <AlertDialog.Title className="text-base font-semibold">{title}</AlertDialog.Title>
          <AlertDialog.Description className="text-muted">{text}</AlertDialog.Description>
          {error !== null && <Notice kind="problem">{describeError(error)}</Notice>}
          <div className="mt-2 flex flex-wrap justify-end gap-2">
            <AlertDialog.Close render={<Button>{texts.cancel}</Button>} />
            <Button
              look={isDangerous ? 'danger' : 'primary'}
              isBusy={isBusy}
              onClick={() => void confirm()}
            >
              {action}
            </Button>
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}

/** How the dialogs look. */
export const dialogLook =
  'fixed top-1/2 left-1/2 z-40 flex w-[calc(100vw-2rem)] max-w-md -translate-x-1/2 -translate-y-1/2 flex-col gap-3 rounded-xl border border-line bg-surface p-5 shadow-float transition duration-150 data-ending-style:scale-95 data-ending-style:opacity-0 data-starting-style:scale-95 data-starting-style:opacity-0';

/** What lies between a dialog and the page. */
export function DialogVeil(props: {
  readonly as: (props: { className: string }) => ReactNode;
}): ReactElement {
  const Backdrop = props.as;
  return (
    <Backdrop className="fixed inset-0 z-30 bg-veil transition-opacity duration-150 data-ending-style:opacity-0 data-starting-style:opacity-0" />
  );
}
