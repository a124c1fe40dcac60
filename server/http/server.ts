import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigurationError } from '../config/configuration-error.ts';
import type { NodeHandler } from './node-handler.ts';

/** Headers must be there after this, or the connection is closed. */
const headersTimeoutMs = 10_000;
/** The whole request must be there after this. */
const requestTimeoutMs = 15_000;
const keepAliveTimeoutMs = 30_000;
const maxHeaderBytes = 16 * 1_024;
/** On stopping, what is under way has this long. */
const drainMs = 8_000;

/** A server that listens. */
export interface RunningServer {
  /** Where it listens, such as `http://127.0.0.1:4000`. */
  readonly address: string;
  readonly port: number;
  /**
   * Takes no new work, answers what is under way, and closes whatever is still
   * open after eight seconds.
   */
  stop(): Promise<void>;
}

/**
 * Listens with every time-out and bound set.
 *
 * @throws ConfigurationError when the address cannot be listened on
 */
export async function startServer(
  handler: NodeHandler,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<RunningServer> {
  let isStopping = false;
  const underWay = new Set<ServerResponse>();
  const answer: RequestListener = (req, res) => {
    underWay.add(res);
    res.once('close', () => underWay.delete(res));
    if (isStopping) res.setHeader('connection', 'close');
    handler(req, res);
  };
  const server = createServer(
    {
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveTimeoutMs,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: maxHeaderBytes,
    },
    answer,
  );
  server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => {
    // Node would write it into the answer before, where requests are pipelined.
    if (res.socket) res.writeContinue();
    answer(req, res);
  });
  await listen(server, host, port);
  // A TCP server that listens has such an address.
  const { port: bound, family, address } = server.address() as AddressInfo;
  const name = family === 'IPv6' ? `[${address}]` : address;
  return {
    address: `http://${name}:${bound}`,
    port: bound,
    async stop() {
      isStopping = true;
      // Kept alive, their connections would hold the process until its deadline.
      for (const res of underWay) {
        if (!res.headersSent) res.setHeader('connection', 'close');
      }
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      const deadline = setTimeout(() => server.closeAllConnections(), drainMs);
      await closed;
      clearTimeout(deadline);
    },
  };
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new ConfigurationError([explain(error)], { cause: error }));
    });
    server.listen(port, host, resolve);
  });
}

function explain(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return 'PORT: another process listens on it. Stop that one, or choose another port.';
    case 'EACCES':
      return 'PORT: this user may not listen on it. Choose a port above 1023.';
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return 'HOST: this machine has no such address. Choose 127.0.0.1, or 0.0.0.0 for every address.';
    default:
      return `HOST: listening failed with ${error.code ?? 'an unknown error'}. Choose another address or port.`;
  }
}
