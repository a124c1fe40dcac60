import { once } from 'node:events';
import { connect as connectByHttp2, constants, type ClientHttp2Session } from 'node:http2';
import { connect as connectByTls, type ConnectionOptions } from 'node:tls';
import { createApi, type Api } from '../contract/api.ts';

/** Calls of the contract as streams of one HTTP/2 connection. */
export interface Http2Client extends AsyncDisposable {
  readonly api: Api;
  readonly session: ClientHttp2Session;
}

/** @param localAddress where the client is, for nginx: any address of 127.0.0.0/8 */
export async function openHttp2(url: string, localAddress = '127.0.0.1'): Promise<Http2Client> {
  const { hostname, port } = new URL(url);
  // What `net.connect` takes, `tls.connect` takes too (Node's documentation); its types forget it.
  const options: ConnectionOptions & { readonly localAddress: string } = {
    host: '127.0.0.1',
    port: Number(port),
    servername: hostname,
    localAddress,
    ALPNProtocols: ['h2'],
  };
  const socket = connectByTls(options);
  await once(socket, 'secureConnect');
  const session = connectByHttp2(url, { createConnection: () => socket });
  return {
    session,
    api: createApi(url, (target, init) => request(session, new Request(target, init))),
    async [Symbol.asyncDispose]() {
      session.close();
      if (!session.closed) await once(session, 'close');
    },
  };
}

async function request(session: ClientHttp2Session, wanted: Request): Promise<Response> {
  const { pathname, search } = new URL(wanted.url);
  const body = Buffer.from(await wanted.arrayBuffer());
  const head = {
    ...Object.fromEntries(wanted.headers),
    [constants.HTTP2_HEADER_METHOD]: wanted.method,
    [constants.HTTP2_HEADER_PATH]: `${pathname}${search}`,
  };
  const stream = session.request(head, { endStream: false }).end(body);
  const answered = once(stream, 'response') as Promise<[Record<string, string | string[]>]>;
  const [{ ':status': status, ...fields }] = await answered;
  const headers = new Headers();
  for (const [name, values] of Object.entries(fields)) {
    for (const value of [values].flat()) headers.append(name, value);
  }
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece as Buffer);
  const hasBody = Number(status) !== 204 && wanted.method !== 'HEAD';
  return new Response(hasBody ? Buffer.concat(pieces) : null, { status: Number(status), headers });
}
