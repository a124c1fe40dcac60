/**
 * `npm start` on a fresh clone opens onto the console, and must not wait for its build: npm runs
 * this whenever it has changed `node_modules`, where some seconds more are nothing (the script
 * `dependencies`). `prepare` would do as well, but who installs a packed copy is asked to allow it.
 * After `npm install --omit=dev` there is nothing to build with.
 */
import { globSync, statSync } from 'node:fs';

const built = 'dist/web/index.html';

if (hasVite() && isStale()) {
  const { build } = await import('vite');
  await build({ root: 'web', configFile: 'web/vite.config.ts', logLevel: 'warn' });
}

function hasVite(): boolean {
  return timeOf('node_modules/vite') > 0;
}

function isStale(): boolean {
  const builtAt = timeOf(built);
  const sources = globSync(['{web,client,shared}/**/*', 'package-lock.json']);
  return sources.some((file) => timeOf(file) > builtAt);
}

/** When it was changed; 0 for what is not there. */
function timeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
