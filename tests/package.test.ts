import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

/**
 * The packed tarball in the hands of a stranger: installed into an empty project, compiled
 * against with each compiler in use and run. What the repository's own tools forgive (sources
 * instead of the build, types of development dependencies, a folder that `files` forgot) shows
 * here alone.
 */

const root = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);

interface Manifest {
  readonly devDependencies: Record<string, string>;
}

interface PackedFile {
  readonly path: string;
  readonly mode: number;
}

let folder = '';
let packedFiles: readonly PackedFile[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latchkey-package-'));
  const packed = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root });
  // The build that goes ahead of it writes to the same stream.
  const [{ filename, files }] = JSON.parse(packed.stdout.slice(packed.stdout.indexOf('[\n'))) as [
    { filename: string; files: PackedFile[] },
  ];
  packedFiles = files;

  const { devDependencies } = JSON.parse(
    await readFile(join(root, 'package.json'), 'utf8'),
  ) as Manifest;
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({
      private: true,
      type: 'module',
      dependencies: { latchkey: `file:${filename}`, '@trpc/server': '^11.25.2' },
      devDependencies: {
        '@types/node': devDependencies['@types/node'],
        'typescript-5': 'npm:typescript@~5.9',
        'typescript-6': 'npm:typescript@~6.0',
        'typescript-7': 'npm:typescript@^7.0',
      },
    }),
  );
  await run('npm', ['install', '--no-audit', '--no-fund'], { cwd: folder });
  await mkdir(join(folder, 'source'));
  for (const name of ['client.ts', 'consumer.ts', 'server.ts']) {
    await cp(join(root, 'tests/package', name), join(folder, 'source', name));
  }
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const compilers = ['typescript-5', 'typescript-6', 'typescript-7'];
const moduleSettings = {
  nodenext: { module: 'nodenext' },
  bundler: { module: 'esnext', moduleResolution: 'bundler' },
};

/** Compiles the consumer strictly, declarations of its dependencies too, and answers the errors. */
async function compile(compiler: string, mode: keyof typeof moduleSettings): Promise<string> {
  const project = join(folder, `${compiler}-${mode}.json`);
  await writeFile(
    project,
    JSON.stringify({
      compilerOptions: {
        ...moduleSettings[mode],
        target: 'es2022',
        lib: ['es2023', 'dom', 'esnext.disposable'],
        types: ['node'],
        strict: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
        declaration: true,
        rewriteRelativeImportExtensions: true,
        rootDir: 'source',
        outDir: `out-${compiler}-${mode}`,
      },
      include: ['source'],
    }),
  );
  const tsc = join(folder, 'node_modules', compiler, 'bin/tsc');
  return run(process.execPath, [tsc, '-p', project, '--pretty', 'false'], { cwd: folder }).then(
    ({ stdout }) => stdout,
    (error: unknown) => (error as { stdout: string }).stdout,
  );
}

test('the tarball holds the build and what a reader needs, and nothing else', () => {
  const paths = packedFiles.map((file) => file.path);
  const atTop = paths.filter((path) => !path.startsWith('dist/'));
  expect(atTop.toSorted()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']);
  expect(
    paths.filter((path) => /test|bench|\.map$/.test(path) && !path.includes('/testing/')),
  ).toEqual([]);
  expect(paths).toContain('dist/drizzle/sqlite/meta/_journal.json');
  expect(paths).toContain('dist/web/index.html');
});

test.each(
  compilers.flatMap((compiler) => [
    [compiler, 'nodenext'] as const,
    [compiler, 'bundler'] as const,
  ]),
)('a consumer compiles with %s and %s', async (compiler, mode) => {
  expect(await compile(compiler, mode)).toBe('');
});

test('the consumer runs', async () => {
  const program = join(folder, 'out-typescript-7-nodenext/consumer.js');
  const { stderr } = await run(process.execPath, [program], { cwd: folder });
  expect(stderr).toBe('');
});

test('nothing in the type of its router has become any', async () => {
  const types = await readFile(join(folder, 'out-typescript-7-nodenext/server.d.ts'), 'utf8');
  expect(types).not.toMatch(/\bany\b/);
});

test('the command is there', async () => {
  const { stdout } = await run('npx', ['--no-install', 'latchkey', '--help'], { cwd: folder });
  expect(stdout).toContain('latchkey');
});
