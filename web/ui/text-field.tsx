import { Field } from '@base-ui/react/field';
import type { HTMLInputAutoCompleteAttribute, ReactElement, ReactNode } from 'react';
import { texts } from '../texts.ts';

export interface TextFieldProps {
  readonly name: string;
  readonly label: string;
  readonly hint?: ReactNode;
  readonly defaultValue?: string;
  readonly autoComplete: HTMLInputAutoCompleteAttribute;
  readonly isOptional?: boolean;
  readonly type?: 'text' | 'password';
  readonly inputMode?: 'email' | 'text';
  readonly maxLength?: number;
  /** What is wrong with what was typed, if anything is. */
  readonly validate?: (value: string) => string | null;
  readonly onValueChange?: (value: string) => void;
  readonly onFocus?: () => void;
  /** Stands inside the field, at its end. */
  readonly end?: ReactNode;
  /** Stands below the field. */
  readonly children?: ReactNode;
}

/** A labelled input with a hint and what is wrong with it. */
export function TextField(props: TextFieldProps): ReactElement {
  const { name, label, hint, isOptional = false, type = 'text', inputMode, end, children } = props;
  function validate(value: unknown): string | null {
    const text = typeof value === 'string' ? value : '';
    if (text === '') return isOptional ? null : texts.required;
    return props.validate?.(text) ?? null;
  }
  return (
    <Field.Root name={name} validate={validate} className="flex flex-col gap-1.5">
      <Field.Label className="flex justify-between font-medium">
        {label}
        {isOptional && <span className="font-normal text-muted">{texts.signUp.optional}</span>}
      </Field.Label>
      <div className="relative">
        <Field.Control
          className={`input ${end === undefined ? '' : 'pr-10'}`}
          type={type}
          inputMode={inputMode}
          autoComplete={props.autoComplete}
          autoCapitalize="none"
          spellCheck={false}
          aria-required={!isOptional}
          maxLength={props.maxLength}
          defaultValue={props.defaultValue}
          onValueChange={props.onValueChange}
          onFocus={props.onFocus}
        />
        {end !== undefined && <div className="absolute inset-y-0 right-0 flex">{end}</div>}
      </div>
      <Field.Validity>
        {({ error }) =>
          // What is wrong is sometimes the same sentence.
          hint !== undefined &&
          hint !== error && (
            <Field.Description className="text-[0.8125rem] text-muted">{hint}</Field.Description>
          )
        }
      </Field.Validity>
      {children}
      <Field.Error className="text-[0.8125rem] text-danger" />
    </Field.Root>
  );
}
