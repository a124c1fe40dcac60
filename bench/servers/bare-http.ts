import { createServer } from 'node:http';
import { listen, reportReady } from './child.ts';

// node:http that answers one JSON body to everything: what is left when nothing is done.
const [, , body = ''] = process.argv;

const server = createServer((_req, res) => {
  res.writeHead(200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  res.end(body);
});
reportReady(await listen(server));
