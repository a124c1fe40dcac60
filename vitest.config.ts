import { defineConfig } from 'vitest/config';

export default defineConfig({
  // `latchkey/server` and its siblings mean the sources here, as tsconfig.json says.
  resolve: { tsconfigPaths: true },
  test: {
    include: ['{server,client,shared,web,tests,bench}/**/*.test.{ts,tsx}'],
    // Packing and installing with three compilers takes a minute: `npm run test:package`. The
    // attacks take some: `npm run test:attacks`; so do the examples: `npm run test:examples`,
    // and the image: `npm run test:deploy`.
    exclude: ['tests/package.test.ts', 'tests/attacks/**', 'tests/deploy/**', 'tests/examples/**'],
    // Does something only where LATCHKEY_TEST_DATABASE names a PostgreSQL.
    globalSetup: 'tests/kit/global-setup.ts',
    environment: 'node',
    // A process each: signals, exits and native modules behave as they do in a server.
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // By default a second, which a slow machine may take between two looks.
    expect: { poll: { timeout: 15_000 } },
    typecheck: {
      enabled: true,
      include: ['{server,client,shared,tests}/**/*.test-d.{ts,tsx}'],
      // The rest of the sources is what `npm run types` is for.
      ignoreSourceErrors: true,
    },
  },
});
