import type { Composition } from './compose.ts';
import type { FirstAdmin } from './start.ts';

export interface StartScreen {
  readonly version: string;
  /** Where the server listens. */
  readonly address: string;
  /** The public origin. */
  readonly url: string;
  /** Processes that serve. */
  readonly workers: number;
  readonly readyAfterMs: number;
  readonly created: Composition['created'];
  readonly admin: FirstAdmin | null;
}

/** A screen with everything there is to know, printed once the server answers. */
export function createStartScreen(screen: StartScreen): string {
  const { url, created, admin } = screen;
  const lines = [
    '',
    describeReady(screen),
    '',
    `  console         ${url}/`,
    `  API page        ${url}/docs`,
    `  tRPC endpoint   ${url}/trpc`,
    `  public keys     ${url}/.well-known/jwks.json`,
    `  health          ${url}/health/ready`,
    '',
    ...(created.database ? ['  created the database'] : []),
    ...(created.migrations > 0 ? [`  applied ${created.migrations} migration(s)`] : []),
    ...(created.secretPath === null
      ? []
      : [`  created a secret in ${created.secretPath}: keep it with the database`]),
    ...(admin?.password
      ? [
          '  created the first admin; this password is shown once:',
          `    e-mail    ${admin.email}`,
          `    password  ${admin.password}`,
        ]
      : []),
    '',
    '  Next: open the console and sign in.',
    '',
  ];
  // No two empty lines where there was nothing to say.
  return `${lines.filter((line, index) => line !== '' || lines[index - 1] !== '').join('\n')}\n`;
}

/** The same in production: a line, so that a log of lines stays one. */
export function createReadyLine(screen: StartScreen): string {
  const { created, admin } = screen;
  const made = [
    created.database ? 'created the database' : '',
    admin ? `created the first admin, ${admin.email}` : '',
  ].filter((part) => part !== '');
  return [describeReady(screen), ...made].join('; ');
}

function describeReady({ version, address, workers, readyAfterMs }: StartScreen): string {
  const processes = workers === 1 ? '' : ` with ${workers} workers`;
  return `Latchkey ${version} is ready on ${address}${processes} after ${Math.round(readyAfterMs)} ms`;
}
