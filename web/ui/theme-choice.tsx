import { Toggle } from '@base-ui/react/toggle';
import { ToggleGroup } from '@base-ui/react/toggle-group';
import { Monitor, Moon, Sun } from 'lucide-react';
import { useState, type ReactElement } from 'react';
import { texts } from '../texts.ts';

const themes = ['system', 'light', 'dark'] as const;
type Theme = (typeof themes)[number];
const icons = { system: Monitor, light: Sun, dark: Moon } as const;

/** Where `public/theme.js` looks before the first paint. */
const storageKey = 'latchkey-theme';

function readTheme(): Theme {
  const chosen = document.documentElement.dataset['theme'];
  return themes.find((theme) => theme === chosen) ?? 'system';
}

function applyTheme(theme: Theme): void {
  if (theme === 'system') {
    localStorage.removeItem(storageKey);
    delete document.documentElement.dataset['theme'];
  } else {
    localStorage.setItem(storageKey, theme);
    document.documentElement.dataset['theme'] = theme;
  }
}

export function ThemeChoice(): ReactElement {
  const [theme, setTheme] = useState(readTheme);
  function choose(value: readonly string[]): void {
    // Pressing the one that is chosen chooses nothing.
    const chosen = themes.find((each) => each === value[0]) ?? theme;
    applyTheme(chosen);
    setTheme(chosen);
  }
  return (
    <ToggleGroup
      value={[theme]}
      onValueChange={choose}
      aria-label={texts.theme.label}
      className="inline-flex rounded-lg border border-line p-0.5"
    >
      {themes.map((each) => {
        const Icon = icons[each];
        return (
          <Toggle
            key={each}
            value={each}
            aria-label={texts.theme[each]}
            title={texts.theme[each]}
            className="rounded-md p-1.5 text-muted hover:text-ink data-pressed:bg-hover data-pressed:text-ink"
          >
            <Icon aria-hidden className="size-3.5" />
          </Toggle>
        );
      })}
    </ToggleGroup>
  );
}
