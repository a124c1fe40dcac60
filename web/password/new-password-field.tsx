import { Meter } from '@base-ui/react/meter';
import { useDeferredValue, useEffect, useState, type ReactElement } from 'react';
import { useSettings } from '../settings.ts';
import { texts } from '../texts.ts';
import { PasswordField } from '../ui/password-field.tsx';
import type { Estimate } from './estimate.ts';

interface NewPasswordFieldProps {
  readonly name: string;
  readonly label: string;
  /** What anybody knows of the account. */
  readonly ownWords: readonly string[];
}

/** A password to be, with what is wanted of it and how good it is. The server has the last word. */
export function NewPasswordField({ name, label, ownWords }: NewPasswordFieldProps): ReactElement {
  const { minPasswordLength } = useSettings();
  const [password, setPassword] = useState('');
  const [isWanted, setIsWanted] = useState(false);
  const estimate = useEstimate(isWanted);
  const missing = minPasswordLength - lengthOf(password);
  return (
    <PasswordField
      name={name}
      label={label}
      autoComplete="new-password"
      hint={
        password === '' || missing <= 0
          ? texts.password.atLeast(minPasswordLength)
          : texts.password.tooShort(missing)
      }
      validate={(value) => {
        const lacking = minPasswordLength - lengthOf(value);
        return lacking > 0 ? texts.password.tooShort(lacking) : null;
      }}
      onFocus={() => setIsWanted(true)}
      onValueChange={setPassword}
    >
      {password !== '' && (
        // Its place is kept while it is loaded: what is below must not move away under a pointer.
        <div className="h-5 text-[0.8125rem] text-muted">
          {estimate && (
            <StrengthMeter
              password={password}
              estimate={(text) => {
                const score = estimate(text, ownWords);
                // What is too short is weak, whatever else it is.
                return lengthOf(text) < minPasswordLength ? Math.min(1, score) : score;
              }}
            />
          )}
        </div>
      )}
    </PasswordField>
  );
}

/** In code points, as the server counts. */
function lengthOf(text: string): number {
  return [...text.normalize('NFC')].length;
}

/** Without the meter, if it could not be loaded, everything else works. */
function useEstimate(isWanted: boolean): Estimate | null {
  const [loaded, setLoaded] = useState<{ readonly estimate: Estimate } | null>(null);
  useEffect(() => {
    if (isWanted) import('./estimate.ts').then(setLoaded, () => undefined);
  }, [isWanted]);
  return loaded && loaded.estimate;
}

const colours = ['bg-danger', 'bg-danger', 'bg-warning', 'bg-accent', 'bg-accent'] as const;

function StrengthMeter(props: {
  readonly password: string;
  readonly estimate: (password: string) => number;
}): ReactElement {
  // Estimating may take longer than typing goes on.
  const score = props.estimate(useDeferredValue(props.password));
  const level = texts.password.levels[score] ?? texts.password.levels[0];
  return (
    <Meter.Root
      value={score + 1}
      min={0}
      max={5}
      aria-valuetext={level}
      className="grid h-full grid-cols-[1fr_auto] items-center gap-x-3"
    >
      <Meter.Label className="sr-only">{texts.password.strength}</Meter.Label>
      <Meter.Track className="h-1 overflow-hidden rounded-full bg-line">
        <Meter.Indicator className={`rounded-full transition-all duration-200 ${colours[score]}`} />
      </Meter.Track>
      <span aria-hidden>{level}</span>
    </Meter.Root>
  );
}
