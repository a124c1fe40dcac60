import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Server as TcpServer, type AddressInfo, type Socket } from 'node:net';
import { setImmediate as turnOfEventLoop } from 'node:timers/promises';
import { ConfigurationError } from '../config/configuration-error.ts';
import { createTurns } from './in-turn.ts';
import type { NodeHandler } from './node-handler.ts';

// To import node:http reads all of its exports, and one of them, `WebSocket`, loads undici:
// 60 ms and 5 MB at the start for what a server never uses (Node 24.21).
const { createServer } = process.getBuiltinModule('node:http');

/** Headers must be there after this, or the connection is closed. */
const headersTimeoutMs = 10_000;
/** The whole request must be there after this. */
const requestTimeoutMs = 15_000;
const keepAliveTimeoutMs = 30_000;
const maxHeaderBytes = 16 * 1_024;
/** On stopping, what is under way has this long. */
export const drainMs = 8_000;
/** However many keep coming, whoever came before the end is let in for no longer than this. */
const lastEntryMs = 1_000;
/** In one turn a connection is taken, in the next its request is read. */
const quietTurns = 3;

/** A server that listens. */
export interface RunningServer {
  /** Where it listens, such as `http://127.0.0.1:4000`. */
  readonly address: string;
  readonly port: number;
  /** From now on each answer is the last of its connection. */
  endConnections(): void;
  /**
   * Takes no new connection, and lets those that are there go by themselves: after their next
   * answer, or when they have been idle for as long as any may be. So no request is on its way
   * to a connection that is closed.
   *
   * @returns when none is left
   */
  retire(): Promise<void>;
  /**
   * Takes no new work, answers what is under way or had arrived, and closes whatever is
   * still open at the deadline: eight seconds by default.
   */
  stop(deadlineMs?: number): Promise<void>;
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
  let isEnding = false;
  /** Connections and requests, as they come. */
  let arrivals = 0;
  /** The latest answer of each connection. */
  const latest = new Map<Socket, ServerResponse>();
  const inTurn = createTurns();
  const answer = inTurn((req, res) => {
    arrivals += 1;
    latest.set(req.socket, res);
    if (isEnding) res.setHeader('connection', 'close');
    handler(req, res);
  });
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
  server.on('connection', (socket: Socket) => {
    arrivals += 1;
    socket.on('close', () => latest.delete(socket));
  });
  // As Node answers it, if nobody listens: at once, and so before its turn.
  server.on(
    'checkExpectation',
    inTurn((_req, res) => res.writeHead(417).end()),
  );
  server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => {
    // Node would write it into the answer before, where requests are pipelined.
    if (res.socket) res.writeContinue();
    answer(req, res);
  });
  await listen(server, host, port);
  // A TCP server that listens has such an address.
  const { port: bound, family, address } = server.address() as AddressInfo;
  function endConnections(): void {
    isEnding = true;
    // Kept alive, their connections would hold the process until its deadline.
    for (const res of latest.values()) {
      if (!res.headersSent) res.setHeader('connection', 'close');
    }
  }

  /**
   * A connection may wait for its turn with the system, and so may its request: closed now, both
   * would be lost, and whoever sent it would not know whether it was done.
   */
  async function untilNobodyArrives(): Promise<void> {
    let isOver = false;
    const end = setTimeout(() => {
      isOver = true;
    }, lastEntryMs);
    for (let quiet = 0; quiet < quietTurns && !isOver;) {
      const before = arrivals;
      await turnOfEventLoop();
      quiet = arrivals === before ? quiet + 1 : 0;
    }
    clearTimeout(end);
  }

  const name = family === 'IPv6' ? `[${address}]` : address;
  return {
    address: `http://${name}:${bound}`,
    port: bound,
    endConnections,
    async retire() {
      endConnections();
      await new Promise<void>((resolve) => {
        // That of node:http would also close those that are idle.
        TcpServer.prototype.close.call(server, () => resolve());
      });
    },
    async stop(deadlineMs = drainMs) {
      endConnections();
      const deadline = setTimeout(() => server.closeAllConnections(), deadlineMs);
      await untilNobodyArrives();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
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
