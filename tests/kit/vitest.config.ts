import { defineConfig } from 'vitest/config';
import { findSilence } from './find-silence.ts';
import { print } from './print.ts';

// `npm run test:postgres`: the contract, the attacks, the faults and the stores on PostgreSQL and
// Redis, with one Latchkey on each database, or with LATCHKEY_TEST_INSTANCES=3 with three.
process.env['LATCHKEY_TEST_DATABASE'] ??= 'postgres://root@127.0.0.1:5432/postgres';
process.env['LATCHKEY_TEST_REDIS'] ??= 'redis://127.0.0.1:6379';

const silence = await findSilence(
  process.env['LATCHKEY_TEST_DATABASE'],
  process.env['LATCHKEY_TEST_REDIS'],
);
for (const line of silence) print(`skipped: ${line}`);

export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include:
      silence.length > 0
        ? []
        : ['tests/{contract,attacks,faults,many}/**/*.test.ts', 'server/store/**/*.test.ts'],
    passWithNoTests: silence.length > 0,
    globalSetup: 'tests/kit/global-setup.ts',
    environment: 'node',
    pool: 'forks',
    // An attack may send thousands of requests; what hangs for longer has won.
    testTimeout: 60_000,
    // Each file makes databases.
    hookTimeout: 60_000,
  },
});
