import type { Composition } from './latchkey.ts';
import type { FirstAdmin } from './start.ts';

export interface StartScreen {
  readonly version: string;
  /** Where the server listens. */
  readonly address: string;
  /** The public origin. */
  readonly url: string;
  readonly readyAfterMs: number;
  readonly created: Composition['created'];
  readonly production: boolean;
  readonly admin: FirstAdmin | null;
}

/**
 * What is printed once the server answers. In production one line, so that a log
 * of lines stays one; else a screen with everything there is to know.
 */
export function createStartScreen(screen: StartScreen): string {
  const { version, address, url, readyAfterMs, created, admin } = screen;
  const ready = `Latchkey ${version} is ready on ${address}`;
  if (screen.production) {
    const made = [
      created.database ? 'created the database' : '',
      admin ? `created the first admin, ${admin.email}` : '',
    ].filter((part) => part !== '');
    return `${[ready, ...made].join('; ')}\n`;
  }
  const lines = [
    '',
    `${ready} after ${Math.round(readyAfterMs)} ms`,
    '',
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
    '  Next: sign in with curl, as the README shows, or with the typed client.',
    '',
  ];
  // No two empty lines where there was nothing to say.
  return `${lines.filter((line, index) => line !== '' || lines[index - 1] !== '').join('\n')}\n`;
}
