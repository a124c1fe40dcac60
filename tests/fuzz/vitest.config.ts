import { defineConfig } from 'vitest/config';

/** The size that is promised, which takes minutes; `npm test` runs the same at a small one. */
const requests = '100000';

export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: {
    include: ['tests/fuzz/**/*.test.ts'],
    environment: 'node',
    pool: 'forks',
    env: { LATCHKEY_FUZZ_REQUESTS: process.env['LATCHKEY_FUZZ_REQUESTS'] ?? requests },
  },
});
