import { CSPProvider } from '@base-ui/react/csp-provider';
import { QueryClient } from '@tanstack/react-query';
import { createClient } from 'latchkey/client';
import { retryUnlessRefused } from 'latchkey/react';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { LatchkeyProvider, type AppRouter } from './latchkey.ts';
import { readSettings, SettingsContext } from './settings.ts';
import './styles.css';

const settings = readSettings(document);
// In cookie mode no script, an injected one neither, can read the refresh token.
const client = createClient<AppRouter>({ url: settings.endpoint, mode: 'cookie' });
const queryClient = new QueryClient({
  defaultOptions: { queries: { retry: retryUnlessRefused, staleTime: 5_000 } },
});

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no #root.');
createRoot(root).render(
  <StrictMode>
    <CSPProvider disableStyleElements>
      <SettingsContext value={settings}>
        <LatchkeyProvider client={client} queryClient={queryClient}>
          <App />
        </LatchkeyProvider>
      </SettingsContext>
    </CSPProvider>
  </StrictMode>,
);
