import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

/**
 * Types that are right in the repository may be wrong for others: declarations may name what a
 * package does not export, need the types of a development dependency, or fall back to `any`.
 * Here a host is compiled against our declarations, and a stranger against those of the host.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

/** All that a stranger has; neither a database driver nor its types. */
const packages = [
  '@trpc/client',
  '@trpc/server',
  '@types/node',
  'jose',
  'superjson',
  'vitest',
  'zod',
];

let folder = '';

/** Answers what the compiler has to say. */
async function compile(...args: string[]): Promise<string> {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  return run(process.execPath, [tsc, '--pretty', 'false', ...args], { cwd: folder }).then(
    ({ stdout }) => stdout,
    (error: unknown) => (error as { stdout: string }).stdout,
  );
}

/** A project of strict settings that trusts no declaration unchecked. */
async function writeProject(name: string): Promise<string> {
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2022',
    lib: ['es2023', 'dom', 'esnext.disposable'],
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    declaration: true,
    rootDir: name,
    outDir: `${name}-out`,
  };
  const path = join(folder, `${name}.json`);
  await writeFile(path, JSON.stringify({ compilerOptions, include: [name] }));
  return path;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latchkey-declarations-'));
  const latchkey = join(folder, 'node_modules/latchkey');
  const build = ['-p', join(root, 'tsconfig.build.json'), '--outDir', join(latchkey, 'dist')];
  // Whether the sources compile is not the question here, and `npm run types` answers it.
  await compile(...build, '--emitDeclarationOnly');
  await cp(join(root, 'package.json'), join(latchkey, 'package.json'));
  for (const name of packages) {
    const link = join(folder, 'node_modules', name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(root, 'node_modules', name), link, 'junction');
  }
  await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  await mkdir(join(folder, 'host'));
  await mkdir(join(folder, 'stranger'));
  await cp(join(root, 'tests/embed/host-application.ts'), join(folder, 'host/host-application.ts'));
  const typeTests = await readFile(join(root, 'tests/embed/host-application.test-d.ts'), 'utf8');
  await writeFile(
    join(folder, 'stranger/type-tests.ts'),
    typeTests.replaceAll('./host-application.ts', './host-application.js'),
  );
}, 60_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

test('a host compiles, and a stranger who has its declarations', { timeout: 60_000 }, async () => {
  expect(await compile('-p', await writeProject('host'))).toBe('');
  const declarations = await readFile(join(folder, 'host-out/host-application.d.ts'), 'utf8');
  const imported = [...declarations.matchAll(/(?:from |import\()['"]([^'"]+)['"]/g)];
  expect(new Set(imported.map(([, name]) => name))).toEqual(
    new Set(['@trpc/server', 'latchkey/server']),
  );
  expect(declarations).not.toMatch(/\bany\b/);

  await writeFile(join(folder, 'stranger/host-application.d.ts'), declarations);
  expect(await compile('-p', await writeProject('stranger'))).toBe('');
});
