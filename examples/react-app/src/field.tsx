import { useId, type ComponentProps } from 'react';

interface FieldProps extends ComponentProps<'input'> {
  readonly label: string;
  /** What is wrong with it. */
  readonly problem?: string | undefined;
}

export function Field({ label, problem, ...input }: FieldProps) {
  const id = useId();
  return (
    <label>
      {label}
      <input {...input} aria-invalid={problem !== undefined} aria-describedby={id} />
      <span id={id} role="alert">
        {problem}
      </span>
    </label>
  );
}
