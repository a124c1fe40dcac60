import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { LatchkeyOptions } from '../../server/compose.ts';
import type { EndpointSettings } from '../../server/http/handler.ts';
import { createTestLatchkey, type TestLatchkey } from '../../server/testing/index.ts';

/** A kit that is served where its own URL says, so that its pages are of an allowed origin. */
export interface ServedKit {
  readonly t: TestLatchkey<'user' | 'admin', never, Record<never, never>>;
  readonly url: string;
  close(): Promise<void>;
}

/** Serves on a free port, which the kit has to know before there is one. */
export async function serveKit(
  endpoint: Pick<EndpointSettings, 'console'> = {},
  options: Pick<LatchkeyOptions, 'trustedProxies'> = {},
): Promise<ServedKit> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://localhost:${(server.address() as AddressInfo).port}`; // Of a socket, not a pipe.
  const t = await createTestLatchkey({ url, ...options });
  server.on('request', t.latchkey.nodeHandler(endpoint));
  return {
    t,
    url,
    async close() {
      server.closeAllConnections();
      server.close();
      await t.close();
    },
  };
}
