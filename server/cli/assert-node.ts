import { ConfigurationError } from '../config/configuration-error.ts';
import { readPackageJson } from '../package-json.ts';

/**
 * Asks for a newer Node before anything native is loaded: on one that is too old,
 * better-sqlite3 ends the process without a word.
 *
 * @throws ConfigurationError
 */
export function assertNode(found: string): void {
  const wanted = readPackageJson().engines.node.replace('>=', '');
  if (found.localeCompare(wanted, 'en', { numeric: true }) >= 0) return;
  throw new ConfigurationError([`Node: this is ${found}. Wanted: ${wanted} or newer.`]);
}
