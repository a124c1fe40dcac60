import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);
const openStoreUrl = new URL('open-store.ts', import.meta.url).href;

/** Opens a store in a process where this package is not installed, and says how it went. */
async function openWithout(packageName: string, database: string): Promise<string> {
  const script = `
    import { registerHooks } from 'node:module';
    registerHooks({
      resolve(specifier, context, next) {
        if (specifier !== '${packageName}') return next(specifier, context);
        throw Object.assign(new Error("Cannot find package '${packageName}'"), { code: 'ERR_MODULE_NOT_FOUND' });
      },
    });
    const { openStore } = await import('${openStoreUrl}');
    const { createRuntime } = await import('${new URL('../runtime.ts', import.meta.url).href}');
    const options = { databasePool: 1, runtime: createRuntime(), auditChain: null };
    await openStore({ ...options, database: '${database}' }).then(
      ({ store }) => store.close().then(() => console.log('opened')),
      (error) => console.log(String(error)),
    );
  `;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script]);
  return stdout.trim();
}

test('each kind of database is opened without the driver of the other', async () => {
  expect(await openWithout('pg', ':memory:')).toBe('opened');
  // Port 1 is nobody's: it was tried, so the driver was there.
  expect(await openWithout('better-sqlite3', 'postgres://127.0.0.1:1/x')).toMatch(
    /^ConfigurationError: DATABASE_URL: no PostgreSQL answers/,
  );
});

test('a driver that is not installed is named', async () => {
  expect(await openWithout('pg', 'postgres://127.0.0.1:1/x')).toMatch(
    /^ConfigurationError: DATABASE_URL: .*Run "npm install pg"\.$/,
  );
});
