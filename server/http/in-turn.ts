import type { RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** So many requests of a connection may wait for the one before them. */
const mostWaiting = 1_000;

/**
 * Has the requests of a connection answered one after the other, in the order in which they came.
 * A client need not wait for an answer before it sends the next one (RFC 9112 §9.3.2), and Node
 * hands over all that came in one piece at once: of one connection more than a thousand, for which
 * everybody else would wait. So each has a turn of the event loop, and whoever sends more than can
 * be kept is cut off.
 *
 * @returns what each listener of a server that answers has to go through
 */
export function createTurns(): (answer: RequestListener) => RequestListener {
  /** Those that wait, of each connection that has one under way. */
  const lines = new WeakMap<Socket, (() => void)[]>();

  return (answer) => (req, res) => {
    const { socket } = req;
    const waiting = lines.get(socket) ?? [];

    function begin(): void {
      res.once('close', () => {
        const next = waiting.shift();
        if (next) setImmediate(next);
        else lines.delete(socket);
      });
      answer(req, res);
    }

    if (!lines.has(socket)) {
      // Nothing is answered behind the last answer.
      if (!socket.writable) return;
      lines.set(socket, waiting);
      begin();
    } else if (waiting.length < mostWaiting) {
      waiting.push(() => {
        // By now it has the connection, or that is closed, or ends with an answer of Node's own.
        if (isConnected(res)) begin();
        else waiting.length = 0;
      });
    } else {
      socket.destroy();
    }
  };
}

function isConnected({ socket }: ServerResponse): boolean {
  return socket !== null && !socket.destroyed;
}
