import { createServer } from 'node:http';
import { hash, verify } from '@node-rs/bcrypt';
import { betterAuth, type BetterAuthOptions } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { toNodeHandler } from 'better-auth/node';
import Database from 'better-sqlite3';
import { listen, reportReady } from './child.ts';

/** What differs between the figures; all else is better-auth's own default. */
export interface BetterAuthVariant {
  /** Hashes by bcrypt of this cost; by better-auth's own scrypt without it. */
  readonly bcryptCost?: number;
  readonly session?: NonNullable<BetterAuthOptions['session']>;
}

// better-auth as its documentation sets it up on SQLite and node:http. The file has Latchkey's
// durability (WAL, synchronous=FULL), which is quicker than the default of a new SQLite file.
const [, , path = '', variantJson = '{}'] = process.argv;
const { bcryptCost: cost, session = {} } = JSON.parse(variantJson) as BetterAuthVariant; // Written by subjects.ts.

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
};
await (await getMigrations(options)).runMigrations();
const handle = toNodeHandler(betterAuth(options));
server.on('request', (req, res) => void handle(req, res));
reportReady(baseURL);
