/** One application behind everything that it can be served by. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { getConnInfo } from '@hono/node-server/conninfo';
import { createExpressMiddleware } from '@trpc/server/adapters/express';
import { fastifyTRPCPlugin, type FastifyTRPCPluginOptions } from '@trpc/server/adapters/fastify';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { createHTTPHandler } from '@trpc/server/adapters/standalone';
import express from 'express';
import { fastify } from 'fastify';
import { Hono } from 'hono';
import type { Db, HostLatchkey, HostRouter } from './host-application.ts';

/** An application that is to be served. */
export interface Served {
  readonly latchkey: HostLatchkey;
  readonly router: HostRouter;
  readonly db: Db;
}

/** A running host. */
export interface HostServer extends AsyncDisposable {
  /** Sends a request to the tRPC endpoint; `path` begins with a slash. */
  call(path: string, init?: RequestInit): Promise<Response>;
  /** Sends a request to a route of the host's own, which answers `hello`. */
  hello?(): Promise<Response>;
}

export interface Host {
  readonly name: string;
  /** By which address the host knows a client on this machine. */
  readonly clientIp: string | null;
  /** Every answer sets a cookie named `theme` as well. */
  readonly setsCookie?: true;
  start(served: Served): Promise<HostServer>;
}

async function listen(
  server: ReturnType<typeof createServer>,
  { basePath = '/trpc', helloPath }: { basePath?: string; helloPath?: string } = {},
): Promise<HostServer> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    call: (path, init) => fetch(`${origin}${basePath}${path}`, init),
    ...(helloPath !== undefined && { hello: () => fetch(`${origin}${helloPath}`) }),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** Calls a function that takes web requests, as a platform would. */
function inProcess(handle: (request: Request) => Promise<Response>, basePath: string): HostServer {
  return {
    call: (path, init) => handle(new Request(`http://localhost:4000${basePath}${path}`, init)),
    async [Symbol.asyncDispose]() {},
  };
}

/** What Next.js expects of a route handler. */
type NextRoute = (
  request: Request,
  context: { readonly params: Promise<{ readonly trpc: string }> },
) => Promise<Response>;

/** Behind Latchkey's own edge: `latchkey.nodeHandler` and `latchkey.fetchHandler`. */
export const edgeHosts: readonly Host[] = [
  {
    name: 'node:http',
    clientIp: '127.0.0.1',
    start: ({ latchkey, router, db }) =>
      listen(
        createServer(
          latchkey.nodeHandler({
            router,
            createContext: (source) => ({ ...latchkey.createContext(source), db }),
          }),
        ),
      ),
  },
  {
    name: 'Express',
    clientIp: '127.0.0.1',
    setsCookie: true,
    start({ latchkey, router, db }) {
      const app = express();
      app.use((_, res, next) => {
        res.cookie('theme', 'dark');
        next();
      });
      app.use(
        latchkey.nodeHandler({
          router,
          createContext: (source) => ({ ...latchkey.createContext(source), db }),
        }),
      );
      app.get('/hello', (_, res) => void res.send('hello'));
      return listen(createServer(app as RequestListener), { helloPath: '/hello' });
    },
  },
  {
    name: 'Express after a body parser',
    clientIp: '127.0.0.1',
    start({ latchkey, router, db }) {
      const app = express();
      app.use(express.json());
      app.use(
        latchkey.nodeHandler({
          router,
          createContext: (source) => ({ ...latchkey.createContext(source), db }),
        }),
      );
      app.get('/hello', (_, res) => void res.send('hello'));
      return listen(createServer(app as RequestListener), { helloPath: '/hello' });
    },
  },
  {
    name: 'Express below a path',
    clientIp: '127.0.0.1',
    start({ latchkey, router, db }) {
      const app = express();
      app.use(
        '/api',
        latchkey.nodeHandler({
          router,
          basePath: '/api/trpc',
          createContext: (source) => ({ ...latchkey.createContext(source), db }),
        }),
      );
      app.get('/api/hello', (_, res) => void res.send('hello'));
      const options = { basePath: '/api/trpc', helloPath: '/api/hello' };
      return listen(createServer(app as RequestListener), options);
    },
  },
  {
    name: 'Hono',
    clientIp: '127.0.0.1',
    start({ latchkey, router, db }) {
      const handle = latchkey.fetchHandler({
        router,
        createContext: (source) => ({ ...latchkey.createContext(source), db }),
      });
      const app = new Hono();
      app.all('/trpc/*', (c) => handle(c.req.raw, { ip: getConnInfo(c).remote.address ?? null }));
      app.get('/hello', (c) => c.text('hello'));
      // Without TLS it makes a server of node:http.
      const server = createAdaptorServer(app) as ReturnType<typeof createServer>;
      return listen(server, { helloPath: '/hello' });
    },
  },
  {
    name: 'a route handler of Next.js',
    clientIp: null,
    async start({ latchkey, router, db }) {
      // What `app/api/trpc/[trpc]/route.ts` exports as GET and POST.
      const route: NextRoute = latchkey.fetchHandler({
        router,
        basePath: '/api/trpc',
        createContext: (source) => ({ ...latchkey.createContext(source), db }),
      });
      const context = { params: Promise.resolve({ trpc: '' }) };
      return inProcess((request) => route(request, context), '/api/trpc');
    },
  },
];

/** Behind tRPC's own adapters. */
export const adapterHosts: readonly Host[] = [
  {
    name: "tRPC's standalone adapter",
    clientIp: '127.0.0.1',
    start: ({ latchkey, router, db }) =>
      listen(
        createServer(
          createHTTPHandler({
            router,
            basePath: '/trpc/',
            createContext: (opts) => ({ ...latchkey.createContext(opts), db }),
          }),
        ),
      ),
  },
  {
    name: "tRPC's Express adapter",
    clientIp: '127.0.0.1',
    setsCookie: true,
    start({ latchkey, router, db }) {
      const app = express();
      app.use((_, res, next) => {
        res.cookie('theme', 'dark');
        next();
      });
      app.use(
        '/trpc',
        createExpressMiddleware({
          router,
          createContext: (opts) => ({ ...latchkey.createContext(opts), db }),
        }),
      );
      return listen(createServer(app as RequestListener));
    },
  },
  {
    name: "tRPC's Fastify adapter",
    clientIp: '127.0.0.1',
    async start({ latchkey, router, db }) {
      const app = fastify();
      await app.register(fastifyTRPCPlugin, {
        prefix: '/trpc',
        trpcOptions: {
          router,
          createContext: (opts) => ({ ...latchkey.createContext(opts), db }),
        },
      } satisfies FastifyTRPCPluginOptions<HostRouter>);
      const origin = await app.listen({ host: '127.0.0.1', port: 0 });
      return {
        call: (path, init) => fetch(`${origin}/trpc${path}`, init),
        [Symbol.asyncDispose]: () => app.close(),
      };
    },
  },
  {
    name: "tRPC's fetch adapter",
    clientIp: null,
    async start({ latchkey, router, db }) {
      return inProcess(
        (req) =>
          fetchRequestHandler({
            endpoint: '/trpc',
            req,
            router,
            createContext: (opts) => ({ ...latchkey.createContext(opts), db }),
          }),
        '/trpc',
      );
    },
  },
];
