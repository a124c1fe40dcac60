import { Button as BaseButton } from '@base-ui/react/button';
import { LoaderCircle } from 'lucide-react';
import type { ComponentProps, ReactElement } from 'react';

const looks = {
  primary: 'bg-accent text-on-accent hover:bg-accent-strong',
  secondary: 'border border-edge bg-surface hover:bg-hover',
  danger: 'bg-danger text-on-danger hover:bg-danger-strong',
  'danger-quiet': 'border border-edge bg-surface text-danger hover:bg-danger-soft',
  quiet: 'text-muted hover:bg-hover hover:text-ink',
} as const;

const sizes = {
  small: 'h-8 px-2.5 text-[0.8125rem]',
  medium: 'h-9 px-3.5',
  icon: 'size-9',
} as const;

/** How a button looks, for links that look alike. */
export function buttonLook(
  look: keyof typeof looks = 'secondary',
  size: keyof typeof sizes = 'medium',
): string {
  return `inline-flex shrink-0 items-center justify-center gap-2 rounded-lg font-medium whitespace-nowrap transition-colors select-none data-disabled:pointer-events-none data-disabled:opacity-50 [&_svg]:size-4 [&_svg]:shrink-0 ${sizes[size]} ${looks[look]}`;
}

interface ButtonProps extends Omit<ComponentProps<typeof BaseButton>, 'className'> {
  readonly look?: keyof typeof looks;
  readonly size?: keyof typeof sizes;
  /** Its work is under way: it cannot be pressed, and keeps the focus. */
  readonly isBusy?: boolean;
}

export function Button(props: ButtonProps): ReactElement {
  const { look, size, isBusy = false, disabled = false, children, ...rest } = props;
  return (
    <BaseButton
      {...rest}
      className={buttonLook(look, size)}
      disabled={disabled || isBusy}
      focusableWhenDisabled
      aria-busy={isBusy || undefined}
    >
      {isBusy && <LoaderCircle aria-hidden className="animate-spin" />}
      {children}
    </BaseButton>
  );
}
