import { Eye, EyeOff } from 'lucide-react';
import { useState, type ReactElement } from 'react';
import { texts } from '../texts.ts';
import { TextField, type TextFieldProps } from './text-field.tsx';

type PasswordFieldProps = Omit<TextFieldProps, 'type' | 'end' | 'autoComplete'> & {
  readonly autoComplete: 'current-password' | 'new-password';
};

/** A password, which can be looked at while it is typed. */
export function PasswordField(props: PasswordFieldProps): ReactElement {
  const [isShown, setIsShown] = useState(false);
  const Icon = isShown ? EyeOff : Eye;
  return (
    <TextField
      {...props}
      type={isShown ? 'text' : 'password'}
      end={
        <button
          type="button"
          className="flex w-9 items-center justify-center rounded-lg text-muted hover:text-ink"
          aria-label={isShown ? texts.password.hide : texts.password.show}
          onClick={() => setIsShown(!isShown)}
        >
          <Icon aria-hidden className="size-4" />
        </button>
      }
    />
  );
}
