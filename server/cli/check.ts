import { LatchkeyError } from '../../shared/latchkey-error.ts';
import { ConfigurationError } from '../config/configuration-error.ts';

/** What a look at one thing has shown. */
export interface Verdict {
  /** With `warn` a server starts; with `fail` it does not, or not safely. */
  readonly status: 'ok' | 'warn' | 'fail';
  /** What was found and, unless that is well, what to do. */
  readonly message: string;
}

export interface Check extends Verdict {
  readonly name: string;
}

export function ok(message: string): Verdict {
  return { status: 'ok', message };
}

export function warn(message: string): Verdict {
  return { status: 'warn', message };
}

export function fail(message: string): Verdict {
  return { status: 'fail', message };
}

/**
 * Looks at one thing, or at several that come to light together. When a part of the
 * server refuses it, that is what was found.
 */
export async function check(
  name: string,
  look: () => Verdict | Promise<Verdict | readonly Check[]>,
): Promise<readonly Check[]> {
  try {
    const found = await look();
    return 'status' in found ? [{ name, ...found }] : found;
  } catch (error) {
    if (error instanceof ConfigurationError) {
      return error.problems.map((problem) => ({ name, ...fail(problem) }));
    }
    if (error instanceof LatchkeyError && error.reason === 'overloaded') {
      return [
        { name, ...fail('The database cannot be read now. Try again, or restore a backup.') },
      ];
    }
    throw error;
  }
}
