/**
 * Writes docs/reference out of the source. A reference kept by hand says after some months what was
 * true once; `tests/reference.test.ts` fails when a page is not what this writes.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { createReference } from './reference/pages.ts';

const root = new URL('../', import.meta.url);

await mkdir(new URL('docs/reference', root), { recursive: true });
for (const [path, text] of await createReference()) await writeFile(new URL(path, root), text);
