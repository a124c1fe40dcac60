import { defineConfig } from 'vitest/config';
import { createSummary } from './summary.ts';

export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['tests/attacks/*.test.ts'],
    globalSetup: 'tests/kit/global-setup.ts',
    environment: 'node',
    pool: 'forks',
    // An attack may send thousands of requests; what hangs for longer has won.
    testTimeout: 60_000,
    reporters: ['default', createSummary()],
  },
});
