import { LatchkeyError } from '../shared/latchkey-error.ts';
import { createFirstAdmin } from './accounts/create-account.ts';
import { ConfigurationError } from './config/configuration-error.ts';
import { readEnvironment, type Environment } from './config/environment.ts';
import { startServer, type RunningServer } from './http/server.ts';
import { assemble, compose, type Composition } from './latchkey.ts';
import { createLogger } from './logger.ts';
import { readPackageJson } from './package-json.ts';
import { lowerHashPriority } from './passwords/lower-hash-priority.ts';
import { createStartScreen } from './start-screen.ts';
import { explainDatabaseError } from './store/sqlite/open-database.ts';

/** A Latchkey server of its own. */
export interface RunningLatchkey {
  readonly address: string;
  /** Answers what is under way, then closes everything. */
  stop(): Promise<void>;
}

/** On a `.localhost` name, which is nobody's (RFC 6761 §6.3). */
const firstAdminEmail = 'admin@latchkey.localhost';

/**
 * Starts a server as the environment says, and prints where it is.
 *
 * @throws ConfigurationError with a line for each thing to mend
 */
export async function start(
  variables: Readonly<Record<string, string | undefined>>,
  print: (text: string) => void = (text) => process.stdout.write(text),
): Promise<RunningLatchkey> {
  const environment = readEnvironment(variables);
  const { settings, secret, host, port, logLevel } = environment;
  const logger = createLogger(logLevel);
  const composition = await compose({
    ...settings,
    allowedOrigins: [...settings.allowedOrigins],
    secret,
    logger,
  });
  let isDraining = false;
  let server: RunningServer | undefined;
  try {
    const latchkey = assemble<'user' | 'admin', never, Record<never, never>>(
      composition,
      {},
      () => isDraining,
    );
    await lowerHashPriority();
    const listening = await startServer(latchkey.nodeHandler(), { host, port });
    server = listening;
    // Not before: a password that is shown once must not be lost to a port in use.
    const admin = await ensureAdmin(composition, environment);
    print(
      createStartScreen({
        version: readPackageJson().version,
        address: listening.address,
        url: settings.url,
        readyAfterMs: performance.now(),
        created: composition.created,
        production: settings.production,
        admin,
      }),
    );
    return {
      address: listening.address,
      async stop() {
        isDraining = true;
        await listening.stop();
        await composition.close();
      },
    };
  } catch (error) {
    await server?.stop();
    await composition.close();
    throw error;
  }
}

/** The first admin as the start screen shows it. */
export interface FirstAdmin {
  readonly email: string;
  /** Only a password that was made just now, to be shown this once. */
  readonly password: string | null;
}

async function ensureAdmin(
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
