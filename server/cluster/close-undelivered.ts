import type { Worker } from 'node:cluster';

interface Connection {
  close(): void;
}

/**
 * Closes the connections that were on their way to a worker when it died. Node waits for the
 * worker's word that it took a connection before it lets go of its own copy; from a dead worker
 * that never comes, so that the client would wait for as long as the primary lives, and the
 * primary keep a file open (lib/internal/cluster/round_robin_handle.js, Node 24.21).
 */
export function closeUndelivered({ process: child }: Worker): void {
  const onTheirWay = new Map<unknown, Connection>();
  const send = child.send.bind(child) as (...parts: unknown[]) => boolean; // All its overloads in one.
  child.send = (...parts: unknown[]) => {
    const [message, handle] = parts;
    const { seq, act } = fieldsOf(message);
    // A handle of that message is the connection (`TCP`), which has a `close`.
    if (act === 'newconn') onTheirWay.set(seq, handle as Connection);
    return send(...parts);
  };
  listenInside(child, (message) => onTheirWay.delete(fieldsOf(message)['ack']));
  child.once('exit', () => {
    for (const connection of onTheirWay.values()) connection.close();
    onTheirWay.clear();
  });
}

/** The event by which the two halves of node:cluster speak; its types leave it out. */
function listenInside(child: Worker['process'], listener: (message: unknown) => void): void {
  child.on('internalMessage' as 'message', listener);
}

function fieldsOf(message: unknown): Readonly<Record<string, unknown>> {
  return typeof message === 'object' && message !== null ? { ...message } : {};
}
