import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { client, LatchkeyProvider, queryClient } from './latchkey.ts';
import './styles.css';

const root = document.getElementById('root');
if (!root) throw new Error('The page has no place for the application.');
createRoot(root).render(
  <StrictMode>
    <LatchkeyProvider client={client} queryClient={queryClient}>
      <App />
    </LatchkeyProvider>
  </StrictMode>,
);
