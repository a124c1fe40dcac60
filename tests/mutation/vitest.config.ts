import { defineConfig } from 'vitest/config';

/** The tests that have to notice a mutant: those beside the sources, and the outside's. */
export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: {
    include: [
      'server/{tokens,sessions,limits,passwords}/**/*.test.ts',
      'tests/contract/**/*.test.ts',
    ],
    // Starts processes of its own, in which no mutant is switched on.
    exclude: ['tests/contract/errors.test.ts'],
    environment: 'node',
    testTimeout: 20_000,
  },
});
