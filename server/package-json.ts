import { readFileSync } from 'node:fs';

/** What this package says of itself. */
export interface PackageJson {
  readonly version: string;
  /** The Node that it needs, such as `>=22.18`. */
  readonly engines: { readonly node: string };
}

/** Reads the package.json above the sources, which is one folder further up from the build. */
export function readPackageJson(): PackageJson {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      // Ours, and checked before it is published.
      return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as PackageJson;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
  throw new Error('The package.json of Latchkey is missing.');
}
