import { connect } from 'node:net';

/** What a server wrote, with the status codes in it in their order. */
export interface RawAnswer {
  readonly statuses: readonly number[];
  readonly text: string;
}

/**
 * Writes bytes to a server as they are, and reads until it closes the connection.
 * For what a client library would mend or refuse to send.
 */
export async function exchange(url: string, bytes: string | Uint8Array): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let text = '';
  socket.setEncoding('latin1').on('data', (piece: string) => {
    text += piece;
  });
  // A server that refuses may close before everything is written.
  socket.on('error', () => {});
  await new Promise((resolve) => {
    socket.on('close', resolve).write(bytes);
  });
  return {
    statuses: [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, code]) => Number(code)),
    text,
  };
}

/** One request as text; the connection closes after it unless a header says otherwise. */
export function requestText(
  line: string,
  headers: readonly string[] = [],
  body: string | Uint8Array = '',
): Uint8Array {
  const length = Buffer.byteLength(body);
  const framing = length === 0 ? [] : [`Content-Length: ${length}`];
  const head = [`${line} HTTP/1.1`, 'Host: latchkey.test', 'Connection: close', ...framing];
  return Buffer.concat([
    Buffer.from(`${[...head, ...headers].join('\r\n')}\r\n\r\n`, 'latin1'),
    Buffer.from(body),
  ]);
}
