import { existsSync } from 'node:fs';
import { glob, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { is } from 'drizzle-orm';
import { getTableConfig, SQLiteTable } from 'drizzle-orm/sqlite-core';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { auditEventTypes } from '../server/audit/audit-event.ts';
import { resolveSettings } from '../server/config/settings.ts';
import * as oauth from '../server/http/oauth/oauth-routes.ts';
import { defaultLimits } from '../server/limits/limits.ts';
import * as schema from '../server/store/sqlite/schema.ts';
import { createTestLatchkey } from '../server/testing/index.ts';
import { credentialPaths } from '../server/trpc/credentials.ts';
import { noInput } from '../shared/schemas.ts';
import { procedures } from './contract/procedures.ts';
import { asvsRequirements } from './security-trace/asvs-requirements.ts';
import { readTestTitles } from './security-trace/read-test-titles.ts';
import { readCode, readSection, readTables, readTrace } from './security-trace/read-trace.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const trace = await readFile(`${root}docs/security/asvs.md`, 'utf8');
const threatModel = await readFile(`${root}docs/security/threat-model.md`, 'utf8');
const rules = await readFile(`${root}docs/security/rules.md`, 'utf8');

/** What is wrong with a trace, a line for each. */
async function findFaults(markdown: string, levels = asvsRequirements): Promise<string[]> {
  const rows = readTrace(markdown);
  const faults: string[] = [];
  for (const [level, ids] of Object.entries(levels)) {
    for (const id of ids) {
      const found = rows.filter((row) => row.id === id);
      if (found.length !== 1) faults.push(`${id} stands there ${found.length} times`);
      else if (found[0]?.level !== level) faults.push(`${id} is of level ${level}`);
    }
  }
  const known = new Set(Object.values(levels).flat());
  for (const { id, state, note, shownBy } of rows) {
    if (!known.has(id)) faults.push(`${id} is no requirement`);
    if (!['met', 'not met', 'operator', 'n/a'].includes(state)) faults.push(`${id} is "${state}"`);
    if (state === 'met' && shownBy.length === 0) faults.push(`${id} is met, and no test shows it`);
    if (state !== 'met' && note === '') faults.push(`${id} is ${state}, and nothing says why`);
  }
  return [...faults, ...(await findDeadReferences(rows.flatMap(({ shownBy }) => shownBy)))];
}

const titlesOf = new Map<string, readonly string[]>();

async function findDeadReferences(
  references: readonly { readonly file: string; readonly title: string }[],
): Promise<string[]> {
  const dead: string[] = [];
  for (const { file, title } of references) {
    if (!existsSync(`${root}${file}`)) {
      dead.push(`${file} is not there`);
      continue;
    }
    const titles = titlesOf.get(file) ?? readTestTitles(file, await readFile(root + file, 'utf8'));
    titlesOf.set(file, titles);
    const count = titles.filter((each) => each === title).length;
    if (count !== 1) dead.push(`${file} has ${count} tests "${title}"`);
  }
  return dead;
}

/** The references in a document that has no rows of requirements. */
function referencesIn(markdown: string): { file: string; title: string }[] {
  return readCode(markdown)
    .filter((code) => code.includes(' :: '))
    .map((code) => {
      const [file = '', title = ''] = code.split(' :: ');
      return { file, title };
    });
}

test('every requirement has one row, and every test that it names is there', async () => {
  expect(await findFaults(trace)).toEqual([]);
});

test('every test that the threat model names is there', async () => {
  const references = referencesIn(threatModel);
  expect(references.length).toBeGreaterThan(20);
  expect(await findDeadReferences(references)).toEqual([]);
});

test('a row that is lost, doubled, shown by nothing or by a test that is gone is found', async () => {
  const row = (cells: string) => `| ${cells} |\n`;
  const here = '`tests/security-trace.test.ts :: every column is classified`';
  const faults = await findFaults(
    row('id | level | asks | state | note | shown by') +
      row('--- | --- | --- | --- | --- | ---') +
      row(`1.1.1 | 2 | twice | met | | ${here}`) +
      row(`1.1.1 | 2 | twice | met | | ${here}`) +
      row('1.1.2 | 1 | another level | met | | ') +
      row('1.1.3 | 2 | no reason | not met | | ') +
      row('1.1.4 | 2 | no state | perhaps | so | ') +
      row('1.1.5 | 2 | unknown | n/a | so | ') +
      row('1.1.6 | 2 | gone | met | | `tests/nothing.test.ts :: x`, `tests/docs.test.ts :: x`'),
    { 1: [], 2: ['1.1.1', '1.1.2', '1.1.3', '1.1.4', '1.1.6', '1.1.7'], 3: [] },
  );
  expect(faults).toEqual([
    '1.1.1 stands there 2 times',
    '1.1.2 is of level 2',
    '1.1.7 stands there 0 times',
    '1.1.2 is met, and no test shows it',
    '1.1.3 is not met, and nothing says why',
    '1.1.4 is "perhaps"',
    '1.1.5 is no requirement',
    'tests/nothing.test.ts is not there',
    'tests/docs.test.ts has 0 tests "x"',
  ]);
});

test('titles are read from whatever form a test has', () => {
  const source = `
    test('plain', () => {});
    describe('group', () => {
      test.each([1])('each %s', { timeout: 1 }, () => {});
      describe.each([2])(\`inner \${name}\`, () => test.for([3])("for", () => {}));
    });
    test('after', () => { call('not a test'); });
  `;
  expect(readTestTitles('example.ts', source)).toEqual([
    'plain',
    'each %s',
    'group > each %s',
    'for',
    'group > inner … > for',
    'after',
  ]);
});

test('the summary counts the rows', () => {
  const rows = readTrace(trace);
  const counted = readTables(readSection(trace, 'In figures')).map(([level = '', ...counts]) => [
    level,
    ...counts.map(Number),
  ]);
  const count = (level: string, state: string) =>
    rows.filter((row) => row.level === level && row.state === state).length;
  expect(counted).toEqual(
    ['1', '2', '3'].map((level) => [
      level,
      ...['met', 'not met', 'operator', 'n/a'].map((state) => count(level, state)),
    ]),
  );
});

test('the documented limits are those of the code', () => {
  const documented = readTables(readSection(rules, 'Limits')).map(
    ([limit = '', calls, seconds]) => [readCode(limit)[0], Number(calls), Number(seconds)],
  );
  expect(documented).toEqual(
    Object.entries(defaultLimits).map(([name, { calls, seconds }]) => [name, calls, seconds]),
  );
});

test('the documented settings are those of the code', () => {
  const settings = resolveSettings({}, 'option') as unknown as Readonly<Record<string, unknown>>;
  const documented = readTables(readSection(rules, 'Sessions'));
  expect(documented.length).toBeGreaterThan(5);
  for (const [setting = '', value] of documented) {
    expect([setting, String(settings[readCode(setting)[0] ?? ''])]).toEqual([setting, value]);
  }
});

test('the documented inputs are those of the schemas', async () => {
  await using t = await createTestLatchkey();
  const { procedures: built } = t.latchkey.appRouter._def;
  const fieldsOf = (path: string): string[] => {
    const { inputs } = (
      built as unknown as Record<
        string,
        { _def: { inputs: readonly (z.ZodType | typeof noInput)[] } }
      >
    )[path]!._def;
    const schemas = inputs.filter((input): input is z.ZodType => input !== noInput);
    const shapes = schemas.map((input) => z.toJSONSchema(input, { io: 'input' }));
    const names = shapes
      .flatMap((shape) => [shape, ...((shape.anyOf ?? []) as (typeof shape)[])])
      .flatMap(({ properties }) => Object.keys(properties ?? {}));
    return [...new Set(names)].toSorted();
  };
  const documented = readTables(readSection(rules, 'Who may what'));
  const fields = readTables(readSection(rules, 'Inputs')).flatMap(([names = '']) =>
    readCode(names),
  );
  expect(documented.map(([path = '']) => readCode(path)[0])).toEqual(Object.keys(built));
  for (const [path = '', , input = ''] of documented) {
    expect([path, ...readCode(input).toSorted()]).toEqual([path, ...fieldsOf(readCode(path)[0]!)]);
    for (const name of readCode(input)) expect(fields).toContain(name);
  }
});

test('the documented ways in are the procedures that take a credential', () => {
  const documented = readTables(readSection(rules, 'Who may what'));
  expect(documented.map(([path = '', who]) => ({ path: readCode(path)[0], access: who }))).toEqual(
    procedures.map(({ path, access }) => ({ path, access })),
  );
  const taking = documented.filter(([, , , credential]) => credential !== '');
  expect(taking.map(([path = '']) => readCode(path)[0])).toEqual([...credentialPaths]);
});

test('the documented OAuth endpoints are those that take a form', () => {
  const documented = readTables(readSection(rules, 'OAuth endpoints'));
  expect(documented.map(([path = '']) => readCode(path)[0])).toEqual([
    oauth.tokenPath,
    oauth.revocationPath,
    oauth.introspectionPath,
  ]);
});

test('the documented events are those that are recorded', () => {
  const named = readCode(readSection(rules, 'Logs')).filter((code) =>
    /^[a-z_]+\.[a-z_]+$/.test(code),
  );
  expect(named).toEqual([...auditEventTypes]);
});

test('every column is classified', () => {
  const columns = Object.values(schema)
    .filter((table) => is(table, SQLiteTable))
    .flatMap((table) => {
      const { name, columns: own } = getTableConfig(table);
      return own.map((column) => `${name}.${column.name}`);
    });
  const documented = readTables(readSection(rules, 'Data')).flatMap(([, names = '']) =>
    readCode(names),
  );
  expect(documented.toSorted()).toEqual(columns.toSorted());
});

/** The sources that run in a server, with every match of a pattern. */
async function findInServer(pattern: RegExp): Promise<{ file: string; found: string }[]> {
  const shipped: string[] = [];
  for await (const path of glob('{server,shared}/**/*.ts', { cwd: root })) {
    const file = path.replaceAll('\\', '/');
    if (!/\.test(-d)?\.ts$|\/testing\//.test(file)) shipped.push(file);
  }
  const sources = await Promise.all(
    shipped.map(async (file) => ({ file, text: await readFile(root + file, 'utf8') })),
  );
  return sources.flatMap(({ file, text }) =>
    [...text.matchAll(pattern)].map((match) => ({ file, found: match[1] ?? match[0] })),
  );
}

test('the documented keys are those that are derived, and no others', async () => {
  const derived = await findInServer(/deriveKey\(\w+, '(\w+)'\)/g);
  const documented = readTables(readSection(rules, 'Keys'))
    .filter(([, from]) => from === 'derived')
    .flatMap(([key = '']) => readCode(key));
  expect(new Set(derived.map(({ found }) => found))).toEqual(new Set(documented));
});

test('no source names an algorithm that is not documented', async () => {
  const used = await findInServer(
    /\b(?:create(?:Hash|Hmac|Cipheriv|Decipheriv|Sign|Verify)|hkdf(?:Sync)?)\(\s*([^,)]+)/g,
  );
  expect(used.length).toBeGreaterThan(5);
  const documented = readCode(readSection(rules, 'Keys')).map((code) => `'${code}'`);
  expect(used.filter(({ found }) => !documented.includes(found))).toEqual([]);
});

test('the server requests nothing from anywhere', async () => {
  const requests = await findInServer(
    /\bfetch\(|\b(?:https?|net|tls|http2)\.(?:request|get|connect)\(|from '(?:node:(?:https|tls|dgram|dns|http2)|undici)[^']*'|new WebSocket\(/g,
  );
  // `latchkey doctor` asks who listens on the address that it is set up for.
  expect(requests.filter(({ file }) => file !== 'server/cli/check-port.ts')).toEqual([]);
});

test('no source evaluates text, starts a process or loads code by a computed name', async () => {
  const found = await findInServer(
    /(?<!\.)\beval\((?!script: string)|new Function\(|new RegExp\(|node:vm\b|child_process|node:cluster|worker_threads|\bimport\((?!')|\brequire\((?!')|(?<!const require = )\bcreateRequire\(/g,
  );
  // The workers are this program again, started without a shell, and what they count is summed up.
  const isWorkers = ({ file, found: what }: (typeof found)[number]) =>
    /^server\/(cluster|limits|metrics)\//.test(file) && what === 'node:cluster';
  expect(found.filter((each) => !isWorkers(each))).toEqual([]);
});
