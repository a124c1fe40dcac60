import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { silentLogger } from '../logger.ts';
import { createNodeHandler } from './node-handler.ts';
import { startServer } from './server.ts';

test('whoever reads the body of a client that has left meanwhile is told so, and does not wait', async () => {
  const outcome = Promise.withResolvers<unknown>();
  const begun = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  const handler = createNodeHandler(async (call) => {
    begun.resolve();
    await left.promise;
    await call.readBody(() => {}).then(() => outcome.resolve('read'), outcome.resolve);
    return null;
  }, silentLogger);
  const server = await startServer(
    (req, res) => {
      res.once('close', () => left.resolve());
      handler(req, res);
    },
    { host: '127.0.0.1', port: 0 },
  );
  const socket = connect(server.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf');
  await begun.promise;
  socket.destroy();
  expect(await outcome.promise).toBeInstanceOf(Error);
  await server.stop(0);
});
