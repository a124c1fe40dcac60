import { expect, test } from 'vitest';
import {
  findLoadedPackages,
  findRings,
  findRingsOfRules,
  findSideDoors,
  findStrayPackages,
  findWrongDirections,
} from './architecture/import-rules.ts';
import { parseSource, readSources } from './architecture/read-sources.ts';

const sources = await readSources();
const imports = sources.flatMap((source) => source.imports);

/** What the rules would be told if this line stood in that file. */
function importsOf(file: string, line: string) {
  return parseSource(file, line).imports;
}

test('imports run one way', () => {
  expect(findWrongDirections(imports)).toEqual([]);
});

test('each library stays in its home', () => {
  expect(findStrayPackages(imports)).toEqual([]);
});

test('drizzle is loaded through the one file of each store that knows how', () => {
  const loading = imports.filter(
    ({ target, typeOnly }) => /^drizzle-orm(\/|$)/.test(target) && !typeOnly,
  );
  expect([...new Set(loading.map(({ file }) => file))].toSorted()).toEqual([
    'server/store/postgres/drizzle.ts',
    'server/store/sqlite/drizzle.ts',
  ]);
});

test('no import goes around in a ring', () => {
  expect(findRings(imports)).toEqual([]);
  expect(findRingsOfRules()).toEqual([]);
});

test('time and randomness come in through one door', () => {
  expect(findSideDoors(sources)).toEqual([]);
});

test('no entry for a browser loads what belongs to a server', () => {
  expect(findLoadedPackages(imports, 'client/index.ts')).toEqual([
    '@trpc/client',
    '@trpc/server/observable',
  ]);
  expect(findLoadedPackages(imports, 'client/react/index.ts')).toEqual([
    '@tanstack/react-query',
    '@trpc/client',
    '@trpc/tanstack-react-query',
    'react',
  ]);
  expect(findLoadedPackages(imports, 'shared/index.ts')).toEqual(['zod']);
});

test('the sources are read', () => {
  expect(sources.map((source) => source.file)).toContain('shared/reasons.ts');
  expect(imports.length).toBeGreaterThan(sources.length / 2);
});

test.each([
  ['shared/x.ts', "import { a } from '../server/runtime.ts';", 'shared may import nothing of ours'],
  [
    'server/store/x.ts',
    "import { a } from '../tokens/a.ts';",
    'server/store may import only shared',
  ],
  ['server/accounts/x.ts', "export { a } from '../http/a.ts';", 'server/accounts may import only'],
  ['server/sessions/x.ts', "import '../accounts/a.ts';", 'server/sessions may import only'],
  ['server/sessions/x.ts', "type A = import('../trpc/a.ts').A;", 'server/sessions may import only'],
  ['server/trpc/x.ts', "await import('../routers/a.ts');", 'server/trpc may import only'],
  ['server/routers/x.ts', "import { a } from '../latchkey.ts';", 'server/routers may import only'],
  [
    'client/x.ts',
    "import { a, type B } from '../server/index.ts';",
    'client may import only shared',
  ],
  ['client/x.ts', "import { a } from './react/index.ts';", 'client may import only shared'],
  ['server/store/x.ts', "import './testing/a.ts';", 'server/store may import only shared'],
  ['server/new/x.ts', "import { a } from '../../shared/a.ts';", 'server/new has no rule yet'],
])('%s refuses %s', (file, line, rule) => {
  const [sentence] = findWrongDirections(importsOf(file, line));
  expect(sentence).toContain(`${file}:1 imports `);
  expect(sentence).toContain(rule);
});

test.each([
  ['client/x.ts', "import type { AppRouter } from '../server/routers/app.ts';"],
  ['server/accounts/x.ts', "import { a } from '../sessions/a.ts';"],
  ['server/store/sqlite/x.ts', "import { a } from '../store.ts';"],
  ['server/store/testing/x.ts', "import { a } from '../store.ts';"],
])('%s allows %s', (file, line) => {
  expect(findWrongDirections(importsOf(file, line))).toEqual([]);
});

test.each([
  ['server/accounts/x.ts', "import { TRPCError } from '@trpc/server';"],
  ['server/http/x.ts', "import type { JWK } from 'jose';"],
  ['server/audit/x.ts', "import { sql } from 'drizzle-orm/sqlite-core';"],
  ['server/audit/x.ts', "const { sql } = require('drizzle-orm');"],
  ['server/sessions/x.ts', "import { createServer } from 'node:http';"],
  ['server/sessions/x.ts', "const { createServer } = process.getBuiltinModule('node:http');"],
  ['client/x.ts', "import { z } from 'zod';"],
  ['client/x.ts', "import { type AnyRouter } from '@trpc/server';"],
  ['server/main.ts', "import { createLatchkey } from 'latchkey/server';"],
  ['server/testing/x.ts', "import { expect } from 'vitest';"],
])('%s is no home for %s', (file, line) => {
  expect(findStrayPackages(importsOf(file, line))).toHaveLength(1);
});

test('a ring of imports is named from end to end, one of types is not a ring', () => {
  const ring = [
    ...importsOf('shared/a.ts', "import { b } from './b.ts';"),
    ...importsOf('shared/b.ts', "import { c } from './c.ts';"),
  ];
  const closing = importsOf('shared/c.ts', "import { a } from './a.ts';");
  const closingType = importsOf('shared/c.ts', "import type { A } from './a.ts';");
  expect(findRings([...ring, ...closing])).toEqual([
    'These files import each other in a ring: shared/a.ts → shared/b.ts → shared/c.ts → shared/a.ts.',
  ]);
  expect(findRings([...ring, ...closingType])).toEqual([]);
});

test.each([
  'const now = Date.now();',
  'const now = new Date();',
  'const chance = Math.random();',
  'const id = globalThis.crypto.randomUUID();',
  "import { randomBytes } from 'node:crypto';",
])('%s is refused outside the door', (line) => {
  expect(findSideDoors([parseSource('server/tokens/x.ts', line)])).toHaveLength(1);
  expect(findSideDoors([parseSource('server/runtime.ts', line)])).toEqual([]);
});

test('a known time may become a Date anywhere', () => {
  expect(findSideDoors([parseSource('server/tokens/x.ts', 'new Date(0);')])).toEqual([]);
});
