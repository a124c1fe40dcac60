import type { NextConfig } from 'next';

const config: NextConfig = {
  // Its database driver and migrations cannot be bundled; `latchkey/react` has to be.
  serverExternalPackages: ['latchkey/server'],
};

export default config;
