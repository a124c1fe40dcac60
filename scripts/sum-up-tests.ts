/**
 * Ends a CI run with one line, `N passed, N failed`, taken from the reports of the test runs.
 *
 * A run that fails without a failing test (a file that does not load, an error outside of every
 * test, no report at all) counts as one failed: it would otherwise read as a success.
 *
 * Usage: node scripts/sum-up-tests.ts FOLDER FAILED_CHECKS, where FOLDER holds for each run
 * NAME.exit, its exit code, and NAME.json, its report.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
}

const none: Report = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 };

const [folder = '.', failedChecks = '0'] = process.argv.slice(2);
let passed = 0;
let failed = Number(failedChecks);
let skipped = 0;

for (const exitFile of globSync('*.exit', { cwd: folder })) {
  const reportFile = join(folder, exitFile.replace(/\.exit$/, '.json'));
  const report = existsSync(reportFile)
    ? (JSON.parse(readFileSync(reportFile, 'utf8')) as Report)
    : none;
  const exitCode = readFileSync(join(folder, exitFile), 'utf8');
  passed += report.numPassedTests;
  failed += exitCode === '0' ? 0 : Math.max(report.numFailedTests, 1);
  skipped += report.numPendingTests + report.numTodoTests;
}

console.log(`${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
