import { connect } from 'node:net';

/** An answer as it came over the socket. */
export interface WireAnswer {
  readonly status: number;
  /** By lower-case name, each value that was sent. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly body: string;
}

/** One TCP connection, and whatever is written on it: no client in between puts anything right. */
export interface Wire {
  write(bytes: Uint8Array): void;
  /**
   * The next answer, or `null` once the server has closed.
   *
   * @param method of the request that it answers: to HEAD there is no body
   * @param kind whether 100 Continue is an answer, too, or to be read over
   * @throws Error when the server leaves us waiting for ten seconds
   */
  read(method: string, kind?: 'final' | 'interim'): Promise<WireAnswer | null>;
  /** Says that nothing more will be sent. */
  end(): void;
  /** Goes away without a word. */
  destroy(): void;
}

const patienceMs = 10_000;

export function openWire(port: number): Wire {
  const socket = connect(port, '127.0.0.1');
  let isHanging = false;
  socket.setTimeout(patienceMs, () => {
    isHanging = true;
    socket.destroy();
  });
  // The server may close while we write; reading tells.
  socket.on('error', () => {});
  const pieces = socket.iterator({ destroyOnReturn: false });
  let received = Buffer.alloc(0);
  let isOver = false;

  /** Waits for more to arrive; false once nothing will. */
  async function receive(): Promise<boolean> {
    if (isOver) return false;
    try {
      const piece: IteratorResult<Buffer, unknown> = await pieces.next();
      if (piece.done === true) isOver = true;
      else received = Buffer.concat([received, piece.value]);
    } catch {
      isOver = true; // Reset by the server, or by our patience.
    }
    if (isHanging) throw new Error('No answer within ten seconds.');
    return !isOver;
  }

  async function take(length: number): Promise<Buffer | null> {
    while (received.length < length) if (!(await receive())) return null;
    const taken = received.subarray(0, length);
    received = received.subarray(length);
    return taken;
  }

  async function takeUntil(mark: string): Promise<string | null> {
    while (!received.includes(mark)) if (!(await receive())) return null;
    const taken = await take(received.indexOf(mark) + mark.length);
    return taken && taken.toString('latin1');
  }

  async function takeChunks(): Promise<Buffer | null> {
    const chunks: Buffer[] = [];
    for (;;) {
      const line = await takeUntil('\r\n');
      const chunk = line && (await take(Number.parseInt(line, 16) + 2));
      if (!chunk) return null;
      if (chunk.length === 2) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, -2));
    }
  }

  async function takeRest(): Promise<Buffer> {
    while (await receive());
    return received;
  }

  async function readBody(head: WireAnswer, method: string): Promise<Buffer | null> {
    if (method === 'HEAD' || head.status === 204 || head.status === 304) return Buffer.alloc(0);
    if (head.headers.get('transfer-encoding')?.includes('chunked') === true) return takeChunks();
    const [length] = head.headers.get('content-length') ?? [];
    return length === undefined ? takeRest() : take(Number(length));
  }

  return {
    write: (bytes) => void socket.write(bytes),
    async read(method, kind = 'final') {
      const text = await takeUntil('\r\n\r\n');
      if (text === null) return null;
      const head = parseHead(text);
      if (head.status < 200) return kind === 'interim' ? head : this.read(method);
      const body = await readBody(head, method);
      return body && { ...head, body: body.toString() };
    },
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
  };
}

function parseHead(text: string): WireAnswer {
  const [first = '', ...lines] = text.trimEnd().split('\r\n');
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1];
  if (status === undefined) throw new Error(`Not an answer of HTTP: ${first}`);
  const headers = new Map<string, string[]>();
  for (const line of lines) {
    const [, name = '', value = ''] = /^([^:\s]+): ?(.*)$/.exec(line) ?? [];
    if (name === '') throw new Error(`Not a header: ${line}`);
    const key = name.toLowerCase();
    headers.set(key, [...(headers.get(key) ?? []), value]);
  }
  return { status: Number(status), headers, body: '' };
}
