import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';
import { findWhyNoNginx } from './nginx.ts';

const kit = fileURLToPath(new URL('kit.ts', import.meta.url));
const whyNot = findWhyNoNginx();
if (whyNot !== null) process.stdout.write(`The contract is not tried behind nginx: ${whyNot}\n`);

/** The contract once more, with nginx and TLS between the tests and what the kit serves. */
export default defineConfig({
  resolve: { tsconfigPaths: true },
  plugins: [
    {
      name: 'serve-behind-nginx',
      enforce: 'pre',
      resolveId: (source, importer = '') =>
        source === '../kit/create-test-latchkey.ts' && !importer.endsWith('/tests/proxy/kit.ts')
          ? kit
          : undefined,
    },
  ],
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: whyNot === null ? ['tests/contract/*.test.ts', 'tests/proxy/*.check.ts'] : [],
    passWithNoTests: true,
    exclude: [
      ...configDefaults.exclude,
      // How a process starts and ends, and node:http beside tRPC's own listener: nothing is served.
      'tests/contract/{configuration,process,wire}.test.ts',
      // Nginx does not forward it: tests/proxy/nginx.test.ts.
      'tests/contract/metrics.test.ts',
    ],
    globalSetup: 'tests/kit/global-setup.ts',
    setupFiles: ['tests/proxy/skip-inapplicable.ts'],
    environment: 'node',
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
