import { createLatchkey } from 'latchkey/server';
import { createApp } from './app.ts';

const port = Number(process.env['PORT'] ?? 4000);
const url = `http://localhost:${port}`;

// Every start is a first one. Yours is a file, such as `file:./data/app.db`.
const latchkey = await createLatchkey({ database: ':memory:', url });

const server = createApp(latchkey).listen(port, 'localhost', () => {
  console.log(`The application is ready on ${url}/api`);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    server.close(() => void latchkey.close());
    server.closeIdleConnections();
  });
}
