import { createContext, useContext } from 'react';
import type { ConsoleSettings } from '../server/http/console.ts';

/** What holds where no server has filled the page in, as in `npm run dev:web`. */
const defaults: ConsoleSettings = {
  endpoint: '/trpc',
  url: 'http://localhost:4000',
  roles: ['user', 'admin'],
  minPasswordLength: 12,
  production: false,
  apiPage: true,
};

/** Reads what the server that serves this page says of itself. */
export function readSettings(page: Document): ConsoleSettings {
  const text = page.querySelector<HTMLMetaElement>('meta[name="latchkey"]')?.content;
  // Our own server wrote it.
  return text ? (JSON.parse(text) as ConsoleSettings) : defaults;
}

export const SettingsContext = createContext(defaults);

export function useSettings(): ConsoleSettings {
  return useContext(SettingsContext);
}
