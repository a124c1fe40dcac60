import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { createLatchkey } from 'latchkey/server';
import { createApp } from './app.ts';
import { claimsOf, roles } from './auth.ts';

const port = Number(process.env['PORT'] ?? 4000);
const url = `http://localhost:${port}`;

const latchkey = await createLatchkey({
  // Every start is a first one. Yours is a file, such as `file:./data/app.db`.
  database: ':memory:',
  url,
  roles,
  claims: claimsOf,
});

const password = randomBytes(12).toString('base64url');
const editor = { email: 'grace@example.com', role: 'editor', secret: { password } } as const;
await latchkey.createUser(editor);

const server = createServer(latchkey.nodeHandler(createApp(latchkey)));
server.listen(port, 'localhost', () => {
  console.log(`The application is ready on ${url}/trpc`);
  console.log(`An editor to sign in as: ${editor.email}, password ${password}`);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    server.close(() => void latchkey.close());
    server.closeIdleConnections();
  });
}
