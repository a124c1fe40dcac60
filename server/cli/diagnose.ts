import { ConfigurationError } from '../config/configuration-error.ts';
import { readEnvironment, type Environment } from '../config/environment.ts';
import { readPackageJson } from '../package-json.ts';
import { readSqliteVersion } from '../store/sqlite/inspect-database.ts';
import { checkPort } from './check-port.ts';
import { checkStorage } from './check-storage.ts';
import { check, fail, ok, warn, type Check } from './check.ts';
import type { CommandParts } from './command-parts.ts';
import { formatTable } from './format-table.ts';

/**
 * Looks at everything that a server needs and prints what it finds. Makes, changes
 * and mends nothing.
 *
 * @throws ConfigurationError when a check failed
 */
export async function diagnose(
  { terminal, variables, runtime }: CommandParts,
  { json }: { readonly json?: boolean | undefined },
): Promise<void> {
  const { environment, checks } = checkConfiguration(variables);
  checks.unshift(
    ...(await check('versions', () => {
      const { version } = readPackageJson();
      return ok(
        `Latchkey ${version}, Node ${process.versions.node}, SQLite ${readSqliteVersion()}`,
      );
    })),
  );
  if (environment) {
    checks.push(...(await checkStorage(environment, runtime)));
    checks.push(...(await check('port', () => checkPort(environment))));
  }
  const failed = checks.filter(({ status }) => status === 'fail').length;
  terminal.print(
    json === true
      ? JSON.stringify({ ok: failed === 0, checks }, null, 2)
      : formatTable(checks.map(({ status, name, message }) => [status, name, message])),
  );
  if (failed > 0) throw new ConfigurationError([`${failed} of ${checks.length} checks failed.`]);
}

function checkConfiguration(variables: CommandParts['variables']): {
  environment: Environment | null;
  checks: Check[];
} {
  const name = 'configuration';
  const known = new Set<string>();
  const checks: Check[] = [];
  let environment: Environment | null = null;
  try {
    environment = readEnvironment(recordNames(variables, known));
    const set = [...known].filter((variable) => variables[variable]);
    checks.push({
      name,
      ...ok(`Set and valid: ${set.join(', ') || 'nothing, all by default'}`),
    });
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    checks.push(...error.problems.map((problem) => ({ name, ...fail(problem) })));
    checks.push({ name, ...warn('The rest can be checked once this is mended.') });
  }
  const unknown = Object.keys(variables).filter(
    (variable) => variable.startsWith('LATCHKEY_') && !known.has(variable),
  );
  checks.push(
    ...unknown.map((variable) => ({
      name,
      ...warn(`${variable}: there is no such variable. Check how it is spelt.`),
    })),
  );
  return { environment, checks };
}

/** What is asked for is what there is: a list of names beside it could be wrong. */
function recordNames(
  variables: CommandParts['variables'],
  names: Set<string>,
): CommandParts['variables'] {
  return new Proxy(variables, {
    get: (target, name) => {
      if (typeof name !== 'string') return undefined;
      names.add(name);
      return target[name];
    },
  });
}
