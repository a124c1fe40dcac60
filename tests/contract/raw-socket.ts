import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectByTls } from 'node:tls';

/** What a server wrote, with the status codes in it in their order. */
export interface RawAnswer {
  readonly statuses: readonly number[];
  readonly text: string;
}

/** Connects, by TLS where the URL says so. */
function open(url: string): Socket {
  const { protocol, hostname, port } = new URL(url);
  if (protocol === 'http:') return connect(Number(port), hostname);
  return connectByTls({ host: hostname, port: Number(port), servername: hostname });
}

/**
 * Writes bytes to a server as they are, and reads until it closes the connection.
 * For what a client library would mend or refuse to send.
 */
export function exchange(url: string, bytes: string | Uint8Array): Promise<RawAnswer> {
  return beginExchange(url, bytes).answer;
}

/** The same in two steps. */
export interface BegunExchange {
  /** The system has all bytes; the server may not have read one. */
  readonly sent: Promise<void>;
  readonly answer: Promise<RawAnswer>;
}

export function beginExchange(url: string, bytes: string | Uint8Array): BegunExchange {
  const socket = open(url);
  let text = '';
  socket.setEncoding('latin1').on('data', (piece: string) => {
    text += piece;
  });
  // A server that refuses may close before everything is written.
  socket.on('error', () => {});
  const closed = new Promise((resolve) => {
    socket.on('close', resolve);
  });
  const sent = new Promise<void>((resolve) => {
    socket.write(bytes, () => resolve());
  });
  async function read(): Promise<RawAnswer> {
    await closed;
    return {
      statuses: [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, code]) => Number(code)),
      text,
    };
  }
  return { sent, answer: read() };
}

/** One request as text; the connection closes after it unless a header says otherwise. */
export function requestText(
  line: string,
  headers: readonly string[] = [],
  body: string | Uint8Array = '',
): Uint8Array {
  const length = Buffer.byteLength(body);
  const framing = length === 0 ? [] : [`Content-Length: ${length}`];
  const head = [`${line} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...framing];
  return Buffer.concat([
    Buffer.from(`${[...head, ...headers].join('\r\n')}\r\n\r\n`, 'latin1'),
    Buffer.from(body),
  ]);
}

/** Resolves when nobody listens there any more. */
export async function untilRefused(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  for (;;) {
    const socket = connect(Number(port), hostname);
    const isRefused = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(false)).once('error', () => resolve(true));
    });
    socket.destroy();
    if (isRefused) return;
  }
}

/** A request whose head the server has read, and whose body it waits for. */
export interface BegunRequest {
  /** Sends the body, and answers what came until the server closed. */
  finish(): Promise<string>;
  readonly closed: Promise<unknown>;
}

export async function beginRequest(
  url: string,
  path: string,
  { body, token }: { readonly body: string; readonly token?: string | undefined },
): Promise<BegunRequest> {
  const socket = open(url).setEncoding('latin1');
  let text = '';
  socket.on('data', (piece: string) => {
    text += piece;
  });
  const closed = once(socket, 'close');
  const head = [
    `POST ${path} HTTP/1.1`,
    'Host: localhost',
    'Content-Type: application/json',
    'Expect: 100-continue',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  while (!text.includes('100 Continue')) await once(socket, 'data');
  return {
    async finish() {
      socket.write(body);
      await closed;
      return text;
    },
    closed,
  };
}
