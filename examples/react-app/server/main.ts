import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { createServer as createVite } from 'vite';
import { appRouter, latchkey, url } from './app.ts';

const password = randomBytes(12).toString('base64url');
const editor = { email: 'grace@example.com', role: 'editor', secret: { password } } as const;
await latchkey.createUser(editor);

const handle = latchkey.nodeHandler({
  router: appRouter,
  createContext: latchkey.createContext,
});

// One origin for the page and its calls. In production, what `vite build` made is served instead.
const server = createServer((request, response) => {
  if (request.url?.startsWith('/trpc/')) handle(request, response);
  else vite.middlewares(request, response);
});
const vite = await createVite({ server: { middlewareMode: true, hmr: { server } } });

server.listen(Number(new URL(url).port), 'localhost', () => {
  console.log(`The application is ready on ${url}`);
  console.log(`An editor to sign in as: ${editor.email}, password ${password}`);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    server.close(() => void latchkey.close());
    server.closeAllConnections();
    void vite.close();
  });
}
