import { ConfigurationError } from '../config/configuration-error.ts';
import type { Terminal } from './terminal.ts';

/**
 * Asks before something is done that cannot be undone, unless `--yes` was given.
 *
 * @throws ConfigurationError for no, and where nobody is there to be asked
 */
export async function assertConfirmed(
  terminal: Terminal,
  question: string,
  yes: boolean | undefined,
): Promise<void> {
  if (yes === true) return;
  if (!terminal.isInteractive) {
    throw new ConfigurationError([
      '--yes: missing, and there is no terminal to ask on. Give it if you mean it. Nothing was changed.',
    ]);
  }
  if (!(await terminal.confirm(question))) throw new ConfigurationError(['Nothing was changed.']);
}
