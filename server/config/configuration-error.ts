/**
 * The process cannot start, or goes on no further, until somebody mends what
 * each line names: what it is, what is wrong with it, what is wanted. Never a value.
 */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[], options?: ErrorOptions) {
    super(problems.join('\n'), options);
    this.problems = problems;
  }
}
