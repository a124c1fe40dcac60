import { LatchkeyError } from '../shared/latchkey-error.ts';
import { createFirstAdmin } from './accounts/create-account.ts';
import { compose, type Composition } from './compose.ts';
import { ConfigurationError } from './config/configuration-error.ts';
import type { Environment } from './config/environment.ts';
import { drainMs, startServer } from './http/server.ts';
import { assemble } from './latchkey.ts';
import { createLogger } from './logger.ts';
import { readPackageJson } from './package-json.ts';
import { lowerHashPriority } from './passwords/lower-hash-priority.ts';
import { createReadyLine, createStartScreen, type StartScreen } from './start-screen.ts';
import { explainDatabaseError } from './store/explain-database-error.ts';

/** A Latchkey server of its own. */
export interface RunningLatchkey {
  readonly address: string;
  /** What did not exist before. */
  readonly created: Composition['created'];
  /**
   * Makes the first admin, if there is none and one is wanted.
   *
   * @throws ConfigurationError when the environment's cannot be made
   */
  makeFirstAdmin(): Promise<FirstAdmin | null>;
  /**
   * Leaves the port to another process that listens on it; resolves when nobody is connected
   * any more. `/health/ready` stays as it is: behind the port, somebody is ready.
   */
  retire(): Promise<void>;
  /**
   * Answers what is under way, then closes everything.
   *
   * @param delayMs how long it takes new work before that while it says that it is not ready
   */
  stop(delayMs?: number): Promise<void>;
}

/** What differs where a server is one of several processes. */
export interface StartOptions {
  /** Password hashes under way at once; all processors but one by default. */
  readonly hashesAtOnce?: number;
  /** Fields of every line of the log. */
  readonly logFields?: object;
}

/** On a `.localhost` name, which is nobody's (RFC 6761 §6.3). */
const firstAdminEmail = 'admin@latchkey.localhost';

/**
 * Starts a server as the environment says.
 *
 * @throws ConfigurationError with a line for each thing to mend
 */
export async function start(
  environment: Environment,
  { hashesAtOnce, logFields }: StartOptions = {},
): Promise<RunningLatchkey> {
  const { settings, secret, host, port, logLevel } = environment;
  const composition = await compose({
    ...settings,
    allowedOrigins: [...settings.allowedOrigins],
    secret,
    logger: createLogger(logLevel, logFields),
    hashesAtOnce,
  });
  let isDraining = false;
  try {
    const latchkey = assemble<'user' | 'admin', never, Record<never, never>>(
      composition,
      {},
      () => isDraining,
    );
    await lowerHashPriority();
    const server = await startServer(latchkey.nodeHandler({ console: '/' }), { host, port });
    return {
      address: server.address,
      created: composition.created,
      makeFirstAdmin: () => makeFirstAdmin(composition, environment),
      retire: () => server.retire(),
      async stop(delayMs = 0) {
        isDraining = true;
        if (delayMs > 0) {
          server.endConnections();
          await composition.runtime.delay(delayMs);
        }
        await server.stop(drainMs - delayMs);
        await composition.close();
      },
    };
  } catch (error) {
    await composition.close();
    throw error;
  }
}

/** Says that it serves, where, and what was made. */
export function announce(
  { settings }: Environment,
  facts: Pick<StartScreen, 'address' | 'created' | 'admin' | 'workers'>,
): void {
  const screen = {
    ...facts,
    version: readPackageJson().version,
    // Of a port that the system chose, the settings do not know.
    url: settings.url.replace(/:0$/, `:${new URL(facts.address).port}`),
    readyAfterMs: performance.now(),
  };
  // Whatever the level: who waits for the server waits for this. What reads a log in production
  // reads JSON in every line.
  if (settings.production) createLogger('info').info({}, createReadyLine(screen));
  else process.stdout.write(createStartScreen(screen));
}

/** The first admin as the start screen shows it. */
export interface FirstAdmin {
  readonly email: string;
  /** Only a password that was made just now, to be shown this once. */
  readonly password: string | null;
}

async function makeFirstAdmin(
  { accounts, runtime, settings }: Composition,
  { admin }: Environment,
): Promise<FirstAdmin | null> {
  // In production nothing is made that nobody asked for.
  if (!admin && settings.production) return null;
  const password = admin?.password ?? runtime.randomBytes(16).toString('base64url');
  const email = admin?.email ?? firstAdminEmail;
  try {
    const made = await createFirstAdmin(accounts, { email, password });
    return made && { email, password: admin ? null : password };
  } catch (error) {
    throw error instanceof LatchkeyError ? explainAdmin(error) : error;
  }
}

function explainAdmin(error: LatchkeyError): unknown {
  if (error.reason === 'weak_password') {
    return new ConfigurationError([
      `LATCHKEY_ADMIN_PASSWORD: too easy to guess (${error.detail}). Wanted: a longer or less common one.`,
    ]);
  }
  if (error.reason === 'email_taken') {
    return new ConfigurationError([
      'LATCHKEY_ADMIN_EMAIL: a user who is no admin has it. Wanted: another address, or "npx latchkey user set-role".',
    ]);
  }
  return explainDatabaseError(error.cause);
}
