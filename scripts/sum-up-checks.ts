/**
 * Ends a CI run with what failed and one line, `N passed, N failed`. What failed stands here, and
 * not only where it did: a log of thousands of lines is often kept by its end alone.
 *
 * A check that fails without a failing test (a file that does not load, an error outside of every
 * test, no report at all) counts as one failed: it would otherwise read as a success.
 *
 * Of what failed it is said whether it passed when its file ran once more by itself: a race rather
 * than a break. It has failed all the same.
 *
 * Usage: node scripts/sum-up-checks.ts FOLDER, where FOLDER holds for each check NAME.exit, its
 * exit code, NAME.log, its output, and, where it ran tests, NAME.json, their report; and of a second run
 * the same with NAME-again.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { readReport, type Report } from './checks.ts';

/** How much is shown of a check that failed without a failing test: its last lines say why. */
const lastLines = 80;

const [folder = '.'] = process.argv.slice(2);
const checks = globSync('*.exit', { cwd: folder })
  .map((file) => file.slice(0, -'.exit'.length))
  .filter((name) => !name.endsWith('-again'))
  .toSorted();
let passed = 0;
let failed = 0;
let skipped = 0;

for (const name of checks) {
  const report = readReport(join(folder, `${name}.json`));
  passed += report?.numPassedTests ?? 0;
  skipped += (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0);
  const exitCode = exitCodeOf(name);
  if (exitCode === '0') continue;

  const failures = report === undefined ? [] : failuresOf(report);
  failed += Math.max(report?.numFailedTests ?? 0, 1);
  const isFlaky = exitCodeOf(`${name}-again`) === '0';
  const again = isFlaky ? '; what failed passed by itself: it is flaky' : '';
  console.log(`\nFAILED ${name}, which ended with ${exitCode}${again}`);
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

/** `undefined` where there was no such run. */
function exitCodeOf(name: string): string | undefined {
  const file = join(folder, `${name}.exit`);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
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
