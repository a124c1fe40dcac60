import { Form } from '@base-ui/react/form';
import { useMemo, useState, type ReactElement, type ReactNode } from 'react';
import { flushSync } from 'react-dom';
import { placeError, type FieldsByReason, type TextsByReason } from '../session/describe-error.ts';
import { Notice } from './notice.tsx';

interface ServerFormProps<Name extends string> {
  /** What the server said when the form was sent last. */
  readonly error: unknown;
  /** The fields that refusals are about; the same object each time. */
  readonly fieldsByReason?: FieldsByReason;
  /** Its own words for a refusal; the same object each time. */
  readonly textsByReason?: TextsByReason;
  readonly onSubmit: (values: Readonly<Record<Name, string>>) => void;
  readonly children: ReactNode;
}

const none: FieldsByReason = {};

/** A form that shows the server's refusals where they belong, and can be sent again as it is. */
export function ServerForm<Name extends string>(props: ServerFormProps<Name>): ReactElement {
  const { error, fieldsByReason = none, textsByReason, onSubmit, children } = props;
  const [answered, setAnswered] = useState<unknown>(null);
  const shown = answered === error ? null : error;
  const { fields, whole } = useMemo(
    () => placeError(shown, fieldsByReason, textsByReason),
    [shown, fieldsByReason, textsByReason],
  );
  return (
    <Form
      className="flex flex-col gap-4"
      errors={fields}
      // A field that the server refused would keep the form from being sent until it is changed,
      // and what is wrong may have been mended elsewhere.
      onSubmitCapture={() => flushSync(() => setAnswered(error))}
      // Each field is an input for text.
      onFormSubmit={(values) => onSubmit(values as Record<Name, string>)}
    >
      {whole !== null && <Notice kind="problem">{whole}</Notice>}
      {children}
    </Form>
  );
}
