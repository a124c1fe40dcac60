import { initTRPC } from '@trpc/server';
import { createHTTPServer } from '@trpc/server/adapters/standalone';
import { listen, reportReady } from './child.ts';

// tRPC as it comes: `user.me`, open to everybody, on the standalone adapter, answering one user.
const user: unknown = JSON.parse(process.argv[2] ?? 'null');

const t = initTRPC.create();
const router = t.router({ user: t.router({ me: t.procedure.query(() => user) }) });
reportReady(await listen(createHTTPServer({ router, basePath: '/trpc/' })));
