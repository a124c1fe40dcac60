import { initTRPC } from '@trpc/server';
import { createHTTPServer } from '@trpc/server/adapters/standalone';
import { createLatchkey, type LatchkeyContext } from '../../server/index.ts';
import { listen, reportReady } from './child.ts';

// Latchkey's routers in a host's own router, on tRPC's standalone adapter, as the README has it.
const [, , databasePath = ''] = process.argv;
const latchkey = await createLatchkey({
  database: `file:${databasePath}`,
  bcryptCost: 4,
  accessTtlSeconds: 86_400,
  rateLimits: false,
});
const t = initTRPC.context<LatchkeyContext>().create({ errorFormatter: latchkey.errorFormatter });
const router = t.router({ ...latchkey.routers });
const { createContext } = latchkey;
reportReady(await listen(createHTTPServer({ router, basePath: '/trpc/', createContext })));
