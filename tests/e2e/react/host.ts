/** A host application with a page of React, bundled and rendered as a host would. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { dehydrate, QueryClient } from '@tanstack/react-query';
import { createTRPCOptionsProxy } from '@trpc/tanstack-react-query';
import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import { build } from 'vite';
import { createTestLatchkey } from '../../../server/testing/index.ts';
import { App } from './app.tsx';
import type { PageData } from './page-data.ts';
import { createRouter, type HostRouter, type Seen } from './router.ts';

/** Bundles the page once, as `vite build` does, with what React says in development. */
async function bundlePage(): Promise<string> {
  const built = await build({
    root: fileURLToPath(new URL('.', import.meta.url)),
    configFile: false,
    logLevel: 'error',
    mode: 'development',
    // The sources, as everywhere in the tests, and not what was built last.
    resolve: { tsconfigPaths: true },
    define: { 'process.env.NODE_ENV': '"development"' },
    build: {
      write: false,
      minify: false,
      rolldownOptions: { input: fileURLToPath(new URL('main.tsx', import.meta.url)) },
    },
  });
  const [result] = [built].flat();
  const chunk = result && 'output' in result ? result.output[0] : undefined;
  if (chunk?.type !== 'chunk') throw new Error('The page was not bundled into one file.');
  return chunk.code;
}

export interface ReactHost extends AsyncDisposable {
  readonly t: Awaited<ReturnType<typeof createTestLatchkey<Record<never, never>>>>;
  readonly url: string;
  readonly seen: Seen;
  /** Holds every `late` until the function that it returns is called. */
  holdLate(): () => void;
}

/** Starts the host: `/` is rendered in the browser, `/rendered` on the server, in cookie mode. */
export async function startReactHost(): Promise<ReactHost> {
  const page = await bundlePage();
  const seen: Seen = { calls: [], notes: [] };
  const gate = { wait: Promise.resolve() };
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://localhost:${(server.address() as AddressInfo).port}`;
  const t = await createTestLatchkey({ url });
  const router = createRouter(t.latchkey, seen, gate);
  const handle = t.latchkey.nodeHandler({ router, createContext: t.latchkey.createContext });

  async function render(request: IncomingMessage): Promise<{ html: string; data: PageData }> {
    const { user, context } = await t.latchkey.readVisitor(request.headers);
    const queryClient = new QueryClient();
    const trpc = createTRPCOptionsProxy<HostRouter>({ router, ctx: context, queryClient });
    if (user) await queryClient.query(trpc.item.queryOptions(1));
    const data: PageData = { mode: 'cookie', initialUser: user, queries: dehydrate(queryClient) };
    return { html: renderToString(createElement(App, { data, url: `${url}/trpc` })), data };
  }

  function write(response: ServerResponse, html: string, data: PageData): void {
    const json = JSON.stringify(data).replaceAll('<', '\\u003c');
    response.setHeader(
      'content-security-policy',
      "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:",
    );
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(
      `<!doctype html><title>Page</title><link rel="icon" href="data:,"><div id="root">${html}</div>` +
        `<script type="application/json" id="data">${json}</script><script type="module" src="/page.js"></script>`,
    );
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', url);
    if (pathname.startsWith('/trpc/')) {
      seen.calls.push(...pathname.slice('/trpc/'.length).split(','));
      handle(request, response);
    } else if (pathname === '/page.js') {
      response.setHeader('content-type', 'text/javascript; charset=utf-8');
      response.end(page);
    } else if (pathname === '/rendered') {
      const { html, data } = await render(request);
      write(response, html, data);
    } else {
      write(response, '', { mode: searchParams.get('mode') === 'cookie' ? 'cookie' : 'bearer' });
    }
  }

  server.on('request', (request, response) => void answer(request, response));
  return {
    t,
    url,
    seen,
    holdLate() {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate.wait = promise;
      return resolve;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
      await t.close();
    },
  };
}
