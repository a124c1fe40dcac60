/**
 * Loaded with `node --import`: lets a script import `latchkey/server` and its siblings from the
 * sources, by the same table as the compiler, so that no stale build is tested.
 */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

const configUrl = new URL('../../tsconfig.json', import.meta.url);
const { compilerOptions } = JSON.parse(readFileSync(configUrl, 'utf8')) as {
  compilerOptions: { paths: Record<string, [string]> };
};

registerHooks({
  resolve(specifier, context, nextResolve) {
    const source = compilerOptions.paths[specifier]?.[0];
    return nextResolve(source === undefined ? specifier : new URL(source, configUrl).href, context);
  },
});
