import type { Runtime } from '../runtime.ts';
import type { Terminal } from './terminal.ts';

/** What the commands work with. */
export interface CommandParts {
  readonly terminal: Terminal;
  readonly runtime: Runtime;
  /** The environment, the same as the server's. */
  readonly variables: Readonly<Record<string, string | undefined>>;
}
