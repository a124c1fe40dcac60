import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { createReference } from '../scripts/reference/pages.ts';

const root = new URL('../', import.meta.url);
const pages = await createReference();

test.for([...pages])('%s is what the source says', async ([path, text]) => {
  const written = await readFile(new URL(path, root), 'utf8');
  expect(written, 'npm run reference writes it').toBe(text);
});

test('no page of the reference is left over', async () => {
  const written = await readdir(new URL('docs/reference', root));
  expect(written.map((name) => `docs/reference/${name}`).toSorted()).toEqual(
    [...pages.keys()].toSorted(),
  );
});
