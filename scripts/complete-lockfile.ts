/**
 * Native packages list one optional dependency for each platform. A registry mirror that does
 * not hold all of them makes npm leave those out of package-lock.json; then `npm ci` refuses the
 * file on every machine ("Missing: … from lock file") and the other platforms get no binary.
 *
 * This adds what is left out, as npm itself would have written it but for the checksum, which
 * only the registry knows. Run it after any change of dependencies: `npm run lockfile`.
 */
import { readFile, writeFile } from 'node:fs/promises';

interface LockedPackage {
  version?: string;
  cpu?: string[];
  dev?: boolean;
  libc?: string[];
  optional?: boolean;
  os?: string[];
  optionalDependencies?: Record<string, string>;
}

type LockedPackages = Record<string, LockedPackage>;

const platformName =
  /(?<os>android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)-(?<cpu>[a-z0-9]+)(?:-(?<abi>\w+))?$/;
const exactVersion = /^\d+\.\d+\.\d+$/;

/** Finds what Node would load for `name` from within `parent`: the nearest one upwards. */
function findLocked(
  packages: LockedPackages,
  parent: string,
  name: string,
): LockedPackage | undefined {
  const found = packages[`${parent}/node_modules/${name}`.replace(/^\//, '')];
  if (found !== undefined || parent === '') return found;
  return findLocked(packages, parent.replace(/(^|\/)node_modules\/(@[^/]+\/)?[^/]+$/, ''), name);
}

function describePlatform(name: string): Pick<LockedPackage, 'cpu' | 'libc' | 'os'> | undefined {
  if (name.endsWith('-wasm32-wasi')) return { cpu: ['wasm32'] };
  const groups = platformName.exec(name)?.groups;
  if (groups?.['os'] === undefined || groups['cpu'] === undefined) return undefined;
  const { os, cpu, abi } = groups;
  const libc = abi?.startsWith('musl') ? 'musl' : 'glibc';
  return { cpu: [cpu], os: [os], ...(os === 'linux' && abi !== undefined && { libc: [libc] }) };
}

/** The entries that are missing, by their place in the lock file. */
function findMissing(packages: LockedPackages): LockedPackages {
  const missing: LockedPackages = {};
  for (const [parent, { dev, optionalDependencies = {} }] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      const platform = describePlatform(name);
      if (platform === undefined || !exactVersion.test(version)) continue;
      if (findLocked(packages, parent, name)?.version === version) continue;
      missing[`${parent}/node_modules/${name}`] = {
        version,
        ...(dev === true && { dev }),
        optional: true,
        ...platform,
      };
    }
  }
  return missing;
}

const path = new URL('../package-lock.json', import.meta.url);
const lockfile = JSON.parse(await readFile(path, 'utf8')) as { packages: LockedPackages };
const missing = findMissing(lockfile.packages);
const entries = Object.entries({ ...lockfile.packages, ...missing });
lockfile.packages = Object.fromEntries(entries.toSorted(([a], [b]) => a.localeCompare(b, 'en')));
await writeFile(path, `${JSON.stringify(lockfile, null, 2)}\n`);
console.log(`package-lock.json: ${Object.keys(missing).length} platform packages added`);
