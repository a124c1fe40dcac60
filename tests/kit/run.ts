/** Of one run of vitest, however many processes it has; told by `global-setup.ts`. */
const variable = 'LATCHKEY_TEST_RUN';

/** What the names of its databases begin with. */
export function runPrefix(): string {
  const prefix = process.env[variable];
  if (prefix === undefined) throw new Error('The global set-up has not run.');
  return prefix;
}

/** A database that has every migration, and nothing in it. */
export function templateOf(): string {
  return `${runPrefix()}template`;
}

export function beginRun(): void {
  process.env[variable] = `latchkey_test_${process.pid}_`;
}
