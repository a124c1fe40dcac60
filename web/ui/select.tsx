import { ChevronDown } from 'lucide-react';
import { useId, type ReactElement } from 'react';

interface SelectProps<Value extends string> {
  readonly label: string;
  readonly value: Value;
  readonly options: readonly { readonly value: Value; readonly label: string }[];
  readonly onChange: (value: Value) => void;
  readonly disabled?: boolean;
  /** The label is read out and not shown. */
  readonly isLabelHidden?: boolean;
}

/** The platform's own choice of one: every phone and screen reader knows it. */
export function Select<Value extends string>(props: SelectProps<Value>): ReactElement {
  const { label, value, options, onChange, disabled = false, isLabelHidden = false } = props;
  const id = useId();
  return (
    <div className="flex min-w-0 flex-col gap-1.5">
      <label htmlFor={id} className={isLabelHidden ? 'sr-only' : 'font-medium'}>
        {label}
      </label>
      <div className="relative">
        <select
          id={id}
          className="input appearance-none truncate pr-9 disabled:opacity-50"
          value={value}
          disabled={disabled}
          // One of the options, which are all there is to choose.
          onChange={(event) => onChange(event.target.value as Value)}
        >
          {options.map((option) => (
            <option key={option.value} value={option.value}>
              {option.label}
            </option>
          ))}
        </select>
        <ChevronDown
          aria-hidden
          className="pointer-events-none absolute top-2.5 right-3 size-4 text-muted"
        />
      </div>
    </div>
  );
}
