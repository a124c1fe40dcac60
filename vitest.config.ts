import { defineConfig } from 'vitest/config';

export default defineConfig({
  // `latchkey/server` and its siblings mean the sources here, as tsconfig.json says.
  resolve: { tsconfigPaths: true },
  test: {
    include: ['{server,client,shared,tests,bench}/**/*.test.ts'],
    // Packing and installing with three compilers takes a minute: `npm run test:package`. The
    // attacks take some: `npm run test:attacks`.
    exclude: ['tests/package.test.ts', 'tests/attacks/**'],
    environment: 'node',
    // A process each: signals, exits and native modules behave as they do in a server.
    pool: 'forks',
    testTimeout: 20_000,
    typecheck: {
      enabled: true,
      include: ['{server,client,shared,tests}/**/*.test-d.ts'],
      // The rest of the sources is what `npm run types` is for.
      ignoreSourceErrors: true,
    },
  },
});
