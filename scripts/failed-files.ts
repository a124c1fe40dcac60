/**
 * Prints the files of the tests that failed, a line each, or nothing where there are none or more
 * tests failed than may be a matter of chance.
 *
 * Usage: node scripts/failed-files.ts REPORT.json
 */
import { relative } from 'node:path';
import { readReport } from './checks.ts';

/** More than these at once are no chance. */
const mostByChance = 3;

const [file = ''] = process.argv.slice(2);
const report = readReport(file);
const failed = report?.testResults.filter(({ status }) => status === 'failed') ?? [];
if (report && report.numFailedTests <= mostByChance && failed.length <= mostByChance) {
  for (const { name } of failed) console.log(relative('.', name));
}
