import type { Reporter, TestModule } from 'vitest/node';
import { catalogue } from './catalogue.ts';

/** The row at the beginning of a title, and whether the attack has anything to aim at. */
const title = /^([A-Z]-\d\d) (does not apply: )?/;

interface Row {
  readonly name: string;
  readonly applies: boolean;
  readonly hasPassed: boolean;
}

/**
 * Counts what was shown, and fails a run in which a row of the catalogue is missing,
 * stands twice, or is none.
 */
export function createSummary(): Reporter {
  return {
    onTestRunEnd(modules) {
      const rows = modules.flatMap(rowsOf);
      // Whoever runs one file is told of its letters alone.
      const letters = new Set(rows.map(({ name }) => name[0]));
      const wanted = catalogue.filter((name) => letters.size === 0 || letters.has(name[0]));
      const passed = rows.filter(({ hasPassed }) => hasPassed);
      const shown = passed.filter(({ applies }) => applies);
      const problems = findProblems(
        rows.map(({ name }) => name),
        wanted,
      );
      process.stdout.write(
        [
          '',
          `attacks  ${wanted.length} rows of ${catalogue.length}: ${shown.length} shown, ` +
            `${passed.length - shown.length} not applicable, ${rows.length - passed.length} not passed`,
          ...problems.map((problem) => `         ${problem}`),
          ...(problems.length === 0 ? ['         the rows are those of the catalogue'] : []),
          '',
        ].join('\n'),
      );
      if (problems.length > 0) process.exitCode = 1;
    },
  };
}

function rowsOf(module: TestModule): Row[] {
  return [...module.children.allTests()].map((test) => {
    const [, name = '', reason] = title.exec(test.name) ?? [];
    return { name, applies: reason === undefined, hasPassed: test.result().state === 'passed' };
  });
}

function findProblems(names: readonly string[], wanted: readonly string[]): string[] {
  const known = new Set(catalogue);
  const found = new Set(names);
  return [
    ...wanted.filter((name) => !found.has(name)).map((name) => `${name} is missing`),
    ...names
      .filter((name, index) => names.indexOf(name) !== index)
      .map((name) => `${name} stands twice`),
    ...[...found]
      .filter((name) => !known.has(name))
      .map((name) => (name === '' ? 'a test names no row' : `${name} is no row`)),
  ];
}
