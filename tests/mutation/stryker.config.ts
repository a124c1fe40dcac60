/**
 * What a line covered by tests does not show: whether any of them would notice if the line were
 * wrong. `npm run test:mutation` breaks each in every way it knows, one at a time, and reports
 * the breakages that no test minded; `-- --mutate server/tokens/seal.ts` looks at some only.
 */
export default {
  plugins: ['@stryker-mutator/vitest-runner'],
  testRunner: 'vitest',
  vitest: { configFile: 'tests/mutation/vitest.config.ts', pool: 'forks' },
  mutate: ['server/{tokens,sessions,limits,passwords}/**/*.ts', '!server/**/*.test.ts'],
  coverageAnalysis: 'perTest',
  concurrency: 2,
  // Its reading of it needs a compiler API, which TypeScript 7 does not have.
  tsconfigFile: 'none',
  tempDirName: 'coverage/mutation/sandbox',
  reporters: ['clear-text', 'json', 'progress-append-only'],
  jsonReporter: { fileName: 'coverage/mutation/report.json' },
  clearTextReporter: { allowColor: false, reportTests: false },
  allowConsoleColors: false,
  thresholds: { high: 95, low: 90, break: 90 },
} as const;
