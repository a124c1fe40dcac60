import { createServer } from 'node:http';
import next from 'next';

const port = Number(process.env['PORT'] ?? 3000);
const server = createServer();
const app = next({ dev: true, hostname: 'localhost', port, httpServer: server });
await app.prepare();

const handle = app.getRequestHandler();
server.on('request', (request, response) => void handle(request, response));
server.listen(port, 'localhost', () => {
  console.log(`The application is ready on http://localhost:${port}`);
});
