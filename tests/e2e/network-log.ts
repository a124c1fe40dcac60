import { readFile } from 'node:fs/promises';

/** What `--log-net-log` writes, as far as it is read here. */
interface NetworkLog {
  readonly constants: { readonly logEventTypes: Readonly<Record<string, number>> };
  readonly events: readonly LoggedEvent[];
}

interface LoggedEvent {
  readonly type: number;
  readonly params?: Readonly<Record<string, unknown>>;
}

/**
 * Reads the log that Chromium has written of its whole life: requests of pages and workers,
 * favicons and web sockets included, and every connection, whoever in it wanted one.
 *
 * Chromium's own services ask for updates and the like whatever it is told. Where no name is
 * resolved these requests fail before there is a connection, and are not looked at.
 *
 * @returns what of it was not this machine
 * @throws Error when the log is cut off, or of a Chromium that calls these events otherwise
 */
export async function findRequestsElsewhere(path: string): Promise<string[]> {
  const { constants, events } = JSON.parse(await readFile(path, 'utf8')) as NetworkLog;
  function paramsOf(name: string): LoggedEvent['params'][] {
    const type = constants.logEventTypes[name];
    if (type === undefined) throw new Error(`Chromium's network log knows no ${name}.`);
    return events.flatMap((event) => (event.type === type ? [event.params] : []));
  }
  const requested = paramsOf('URL_REQUEST_START_JOB').flatMap((params) =>
    typeof params?.['url'] === 'string' && isOfPage(params) ? [params['url']] : [],
  );
  const connected = paramsOf('TCP_CONNECT_ATTEMPT').flatMap((params) =>
    typeof params?.['address'] === 'string' ? [`tcp://${params['address']}`] : [],
  );
  // Sockets of UDP are opened to look at routes, and nothing leaves by that.
  const sent = paramsOf('UDP_BYTES_SENT').length > 0 ? ['something, by UDP'] : [];
  const elsewhere = [...requested, ...connected].filter((url) => !isLocal(url));
  return [...new Set([...elsewhere, ...sent])];
}

/** What is no frame and has no initiator is of Chromium itself. */
function isOfPage(params: Readonly<Record<string, unknown>>): boolean {
  return params['initiator'] !== 'not an origin' || params['request_type'] !== 'other';
}

export function isLocal(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  const isOnTheNet = ['http:', 'https:', 'ws:', 'wss:', 'tcp:'].includes(protocol);
  return !isOnTheNet || ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
}
