import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['tests/package.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 300_000,
  },
});
