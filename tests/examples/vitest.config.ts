import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['tests/examples/*.test.ts'],
    globalSetup: ['tests/examples/pack.ts'],
    pool: 'forks',
    // Each installs its packages and may start a browser: one after the other.
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
