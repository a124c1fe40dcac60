import { once } from 'node:events';
import { createServer } from 'node:http';
import { createLatchkey } from 'latchkey/server';
import { tryClient } from './client.ts';

const email = process.env['EMAIL'] ?? 'ada@example.com';
const given = process.env['SERVER_URL'];

if (given !== undefined) {
  await tryClient(given, email);
} else {
  // One command is to do: a server, in memory, for as long as the client needs it.
  const port = Number(process.env['PORT'] ?? 4000);
  const url = `http://localhost:${port}`;
  await using latchkey = await createLatchkey({ database: ':memory:', url });
  const server = createServer(latchkey.nodeHandler()).listen(port, 'localhost');
  await once(server, 'listening');
  try {
    await tryClient(url, email);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}
