import { connect, type Socket } from 'node:net';

/** An answer, as far as a load looks at it. */
export interface Reply {
  readonly status: number;
  readonly body: string;
}

/**
 * One kept connection that sends bytes as they are and costs next to nothing, so that what is
 * measured is the server and not its client.
 */
export interface Connection extends Disposable {
  /**
   * Sends one request and waits for its answer; one at a time.
   *
   * @throws Error when the connection ends before the answer is whole
   */
  send(request: Buffer): Promise<Reply>;
  /** Sends bytes that nobody waits for an answer to. */
  write(bytes: string): void;
  isOpen(): boolean;
}

/** @throws Error when nobody listens there */
export async function openConnection(url: string): Promise<Connection> {
  const { hostname, port } = new URL(url);
  const socket = await connected(Number(port), hostname);
  let received = '';
  let waiting: { resolve(reply: Reply): void; reject(error: Error): void } | null = null;

  function fail(error: Error): void {
    waiting?.reject(error);
    waiting = null;
  }
  socket
    .setNoDelay()
    .setEncoding('latin1')
    .on('data', (piece: string) => {
      received += piece;
      const reply = readReply(received);
      if (!reply) return;
      received = '';
      waiting?.resolve(reply);
      waiting = null;
    })
    .on('error', fail)
    .on('close', () => fail(new Error('The connection was closed before the answer.')));

  return {
    send(request) {
      return new Promise((resolve, reject) => {
        if (socket.destroyed) {
          reject(new Error('The connection is closed.'));
          return;
        }
        waiting = { resolve, reject };
        socket.write(request);
      });
    },
    write: (bytes) => void socket.write(bytes),
    isOpen: () => !socket.destroyed,
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

function connected(port: number, host: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host });
    socket.once('error', reject);
    socket.once('connect', () => resolve(socket.off('error', reject)));
  });
}

function readReply(received: string): Reply | null {
  const end = received.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(received.slice(0, end))?.[1] ?? 0);
  if (received.length < end + 4 + length) return null;
  return { status: Number(received.slice(9, 12)), body: received.slice(end + 4) };
}

/** The bytes of a call, as a client would send them. */
export function requestOf(
  path: string,
  { token, input, ip }: { token?: string; input?: object; ip?: string } = {},
): Buffer {
  const body = input === undefined ? '' : JSON.stringify(input);
  return Buffer.from(
    [
      `${input === undefined ? 'GET' : 'POST'} /trpc/${path} HTTP/1.1`,
      'host: localhost',
      ...(token === undefined ? [] : [`authorization: Bearer ${token}`]),
      ...(ip === undefined ? [] : [`x-forwarded-for: ${ip}`]),
      ...(input === undefined
        ? []
        : ['content-type: application/json', `content-length: ${Buffer.byteLength(body)}`]),
      '',
      body,
    ].join('\r\n'),
  );
}
