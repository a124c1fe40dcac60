import { createServer } from 'node:http';
import { hash, verify } from '@node-rs/bcrypt';
import { initTRPC, TRPCError } from '@trpc/server';
import { createHTTPHandler, type CreateHTTPContextOptions } from '@trpc/server/adapters/standalone';
import { betterAuth, type BetterAuthOptions } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { fromNodeHeaders, toNodeHandler } from 'better-auth/node';
import { bearer } from 'better-auth/plugins';
import Database from 'better-sqlite3';
import { listen, reportReady } from './child.ts';

/** What differs between the figures; all else is better-auth's own default. */
export interface BetterAuthVariant {
  /** Hashes by bcrypt of this cost; by better-auth's own scrypt without it. */
  readonly bcryptCost?: number;
  readonly session?: NonNullable<BetterAuthOptions['session']>;
  /**
   * Serves `user.me` over tRPC as well, on its adapter for node:http: with the bearer plugin, and
   * `getSession` for each signed-in call, as better-auth's documentation has it for other servers.
   */
  readonly withTrpc?: boolean;
}

// better-auth as its documentation sets it up on SQLite and node:http. The file has Latchkey's
// durability (WAL, synchronous=FULL), which is quicker than the default of a new SQLite file.
const [, , path = '', variantJson = '{}'] = process.argv;
const variant = JSON.parse(variantJson) as BetterAuthVariant; // Written by subjects.ts.
const { bcryptCost: cost, session = {}, withTrpc = false } = variant;

const database = new Database(path);
database.pragma('journal_mode = WAL');
database.pragma('synchronous = FULL');

const server = createServer();
const baseURL = await listen(server);
const options: BetterAuthOptions = {
  baseURL,
  secret: 'for the bench alone: nothing outlives it',
  database,
  session,
  emailAndPassword: {
    enabled: true,
    ...(cost !== undefined && {
      password: {
        hash: (password) => hash(password, { cost }),
        verify: (stored) => verify(stored.password, stored.hash),
      },
    }),
  },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  ...(withTrpc && { plugins: [bearer()] }),
};
await (await getMigrations(options)).runMigrations();
const auth = betterAuth(options);
const handle = toNodeHandler(auth);

const t = initTRPC.context<CreateHTTPContextOptions>().create();
const signedIn = t.procedure.use(async ({ ctx, next }) => {
  const found = await auth.api.getSession({ headers: fromNodeHeaders(ctx.req.headers) });
  if (!found) throw new TRPCError({ code: 'UNAUTHORIZED' });
  return next({ ctx: found });
});
const handleTrpc = createHTTPHandler({
  router: t.router({ user: t.router({ me: signedIn.query(({ ctx }) => ctx.user) }) }),
  basePath: '/trpc/',
  createContext: (source) => source,
});

server.on('request', (req, res) => {
  if (withTrpc && req.url?.startsWith('/trpc/')) handleTrpc(req, res);
  else void handle(req, res);
});
reportReady(baseURL);
