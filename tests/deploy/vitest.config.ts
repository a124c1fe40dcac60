import { defineConfig } from 'vitest/config';

/** Installs twice and builds: a minute. */
export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['tests/deploy/*.test.ts'],
    environment: 'node',
    pool: 'forks',
  },
});
