/**
 * Ends a CI run with what failed and one line, `N passed, N failed`. What failed stands here, and
 * not only where it did: a log of thousands of lines is often kept by its end alone.
 *
 * A check that fails without a failing test (a file that does not load, an error outside of every
 * test, no report at all) counts as one failed: it would otherwise read as a success.
 *
 * Usage: node scripts/sum-up-checks.ts FOLDER, where FOLDER holds for each check NAME.exit, its
 * exit code, NAME.log, its output, and, where it ran tests, NAME.json, their report.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** How much is shown of a check that failed without a failing test: its last lines say why. */
const lastLines = 80;

const [folder = '.'] = process.argv.slice(2);
let passed = 0;
let failed = 0;
let skipped = 0;

for (const exitFile of globSync('*.exit', { cwd: folder }).toSorted()) {
  const name = exitFile.slice(0, -'.exit'.length);
  const exitCode = readFileSync(join(folder, exitFile), 'utf8');
  const report = readReport(join(folder, `${name}.json`));
  passed += report?.numPassedTests ?? 0;
  skipped += (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0);
  if (exitCode === '0') continue;

  const failures = report === undefined ? [] : failuresOf(report);
  failed += Math.max(report?.numFailedTests ?? 0, 1);
  console.log(`\nFAILED ${name}, which ended with ${exitCode}`);
  console.log(
    failures.length > 0
      ? failures.join('\n')
      : readFileSync(join(folder, `${name}.log`), 'utf8')
          .split('\n')
          .slice(-lastLines)
          .join('\n'),
  );
}

console.log(`${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

function readReport(file: string): Report | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Report) : undefined;
}

function failuresOf(report: Report): string[] {
  return report.testResults.flatMap((file) =>
    file.assertionResults
      .filter((test) => test.status === 'failed')
      .map(
        (test) =>
          `${relative('.', file.name)}: ${test.fullName}\n${test.failureMessages.join('\n')}`,
      ),
  );
}
