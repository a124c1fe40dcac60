import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { readSection, readTables } from './security-trace/read-trace.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);

interface LockedPackage {
  readonly version: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
}

/** As CycloneDX 1.5 has them. */
interface Component {
  readonly name: string;
  readonly version: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly licenses?: readonly unknown[];
}

async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(root + path, 'utf8')) as T;
}

test('the bill of materials has every package of the lock file; of those that run, checksum and licence', async () => {
  const { stdout } = await run('npm', ['run', '--silent', 'sbom', '--', '--offline'], {
    cwd: root,
    maxBuffer: 64 * 1_024 * 1_024,
  });
  const { components } = JSON.parse(stdout) as { components: readonly Component[] };
  const listed = new Map(components.map((each) => [`${each.name}@${each.version}`, each]));
  const { packages } = await readJson<{ packages: Record<string, LockedPackage> }>(
    'package-lock.json',
  );
  const missing: string[] = [];
  for (const [path, { version, dev, optional }] of Object.entries(packages)) {
    if (path === '') continue;
    const name = `${path.slice(path.lastIndexOf('node_modules/') + 13)}@${version}`;
    const component = listed.get(name);
    // Of binaries for other platforms the lock file may say no more than the version.
    const isPlain = dev === true || optional === true;
    const isWhole =
      component?.hashes?.some(({ alg }) => alg === 'SHA-512') &&
      (component.licenses?.length ?? 0) > 0;
    if (!(isPlain ? component : isWhole)) missing.push(name);
  }
  expect(missing).toEqual([]);
  const { dependencies } = await readJson<{ dependencies: Record<string, string> }>('package.json');
  const names = new Set(components.map(({ name }) => name));
  expect(Object.keys(dependencies).filter((name) => !names.has(name))).toEqual([]);
});

test('every severity has a time within which a dependency is mended, the worse the shorter', async () => {
  const security = await readFile(`${root}SECURITY.md`, 'utf8');
  const times = readTables(readSection(security, 'Dependencies'));
  expect(times.map(([severity]) => severity)).toEqual(['critical', 'high', 'moderate', 'low']);
  const days = times.map(([, within = '']) => Number(/^(\d+) days$/.exec(within)?.[1]));
  expect(days).toEqual(days.toSorted((a, b) => a - b));
  expect(Math.max(...days)).toBeLessThanOrEqual(90);
});
