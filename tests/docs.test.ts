import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { glob, readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { readCommands, readLinks, readSnippets, type Snippet } from './docs/read-snippets.ts';
import { createWorkspace, type Service, type Workspace } from './docs/workspace.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

async function listFiles(...patterns: string[]): Promise<string[]> {
  const files: string[] = [];
  for await (const path of glob(patterns, { cwd: root })) files.push(path.replaceAll('\\', '/'));
  return files.toSorted();
}

async function readDocuments(): Promise<Map<string, string>> {
  const documents = new Map<string, string>();
  for (const path of await listFiles('*.md', 'docs/**/*.md')) {
    documents.set(path, await readFile(`${root}${path}`, 'utf8'));
  }
  return documents;
}

const documents = await readDocuments();
const snippets = [...documents].flatMap(([path, markdown]) => readSnippets(path, markdown));
const scripts = (
  JSON.parse(await readFile(`${root}package.json`, 'utf8')) as { scripts: Record<string, string> }
).scripts;

const hasFastApi =
  spawnSync('/usr/bin/python3', ['-c', 'import fastapi, httpx, jwt, uvicorn']).status === 0;

/** Runs what a document wants run, in its order, and answers what went otherwise than it says. */
async function runDocument(place: Workspace, all: readonly Snippet[]): Promise<string[]> {
  const failures: string[] = [];
  const services: Service[] = [];
  let printed = '';
  try {
    for (const snippet of all) {
      const where = `${snippet.document}:${snippet.line}`;
      if (snippet.needsFastApi && !hasFastApi) continue;
      if (snippet.mode === 'run') {
        const { exitCode, stdout, output } = await place.run(snippet);
        printed = stdout;
        if (exitCode !== 0) failures.push(`${where} ended with ${exitCode}: ${output}`);
      } else if (snippet.mode === 'output' && !isLike(printed, snippet.text)) {
        failures.push(`${where} is not what was printed: ${printed}`);
      } else if (snippet.mode === 'serve') {
        const service = place.serve(snippet);
        services.push(service);
        await service.ready;
      }
    }
  } finally {
    await Promise.all(services.map((service) => service.stop()));
  }
  return failures;
}

/** Whether a text is the pattern, in which `…` stands for anything. */
function isLike(text: string, pattern: string): boolean {
  const parts = pattern
    .trim()
    .split('…')
    .map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('[^]*?')}$`).test(text.trim());
}

const knownCommands = [
  /^npm (install|i|ci|start|test|init|pkg|pack)( |$)/,
  /^npx (latchkey|tsc|vite)( |$)/,
  /^node [\w./-]+\.ts$/,
  /^(git clone|cd|mkdir|curl|export|sqlite3|pg_dump|pg_restore|psql|sudo|systemctl|nginx|kill|umask|cp) /,
];

/** Commands that a reader cannot be expected to have, or that name a script we do not have. */
function findUnknownCommands(all: readonly Snippet[]): string[] {
  // Whether those that are run are there shows when they are.
  const unproven = all.filter(({ language, mode }) => language === 'sh' && mode === 'check');
  return unproven.flatMap((snippet) =>
    readCommands(snippet)
      .map((command) => command.replace(/^([A-Z_]+=\S+ )+/, ''))
      .filter((command) => {
        const script = /^npm run ([\w:]+)/.exec(command)?.[1];
        if (script !== undefined) return !Object.hasOwn(scripts, script);
        return !knownCommands.some((known) => known.test(command));
      })
      .map((command) => `${snippet.document}:${snippet.line} has \`${command}\``),
  );
}

/** Links to a file that is not there. */
function findDeadLinks(path: string, markdown: string): string[] {
  return readLinks(markdown)
    .filter((target) => !existsSync(`${root}${posix.join(posix.dirname(path), target)}`))
    .map((target) => `${path} links to ${target}`);
}

const workspace = await createWorkspace(snippets);
afterAll(() => workspace[Symbol.asyncDispose]());

test('every TypeScript snippet compiles', { timeout: 60_000 }, async () => {
  expect(await workspace.checkTypes()).toEqual([]);
});

const isRun = (snippet: Snippet): boolean => snippet.mode !== 'check';

test.for([...new Set(snippets.filter(isRun).map(({ document }) => document))])(
  'what %s says runs, and prints what it says',
  { timeout: 180_000 },
  async (path) => {
    const own = snippets.filter(({ document }) => document === path);
    expect(await runDocument(workspace, own)).toEqual([]);
  },
);

test('every command is one that a reader has', () => {
  expect(findUnknownCommands(snippets)).toEqual([]);
});

test('every relative link leads to a file', () => {
  expect([...documents].flatMap(([path, markdown]) => findDeadLinks(path, markdown))).toEqual([]);
});

/** The cell before each command of the bench, by the command. */
function readFigures(path: string, column: number): Map<string, string> {
  const rows = (documents.get(path) ?? '').split('\n').map((line) => line.split(' | '));
  const measured = rows.filter((cells) => cells.at(-1)?.startsWith('`npm run bench'));
  return new Map(measured.map((cells) => [cells.at(-1) ?? '', cells[column] ?? '']));
}

test('the figures of the comparison are those of the bench', () => {
  const bench = readFigures('docs/performance.md', 2);
  const compared = readFigures('docs/comparison.md', 1);
  expect(compared.size).toBeGreaterThan(0);
  expect(new Map([...compared.keys()].map((command) => [command, bench.get(command)]))).toEqual(
    compared,
  );
});

test('llms.txt has every document once, and nothing else', async () => {
  const examples = await listFiles('examples/*/README.md');
  const links = readLinks(await readFile(`${root}llms.txt`, 'utf8'));
  expect(links.toSorted()).toEqual([...documents.keys(), ...examples].toSorted());
});

const example = `
# A guide

See [reasons](../shared/reasons.ts#L1), [nothing](./nothing.md) and [the web](https://example.com).

\`\`\`ts greeting.ts
export const greeting: string = 1;
\`\`\`

~~~ts run
import { fileStorage } from 'latchkey/client/file';
import { greeting } from './greeting.ts';
if (!fileStorage('session').scope || greeting !== 'hello') throw new Error('not so');
~~~

\`\`\`ts serve
import { createServer } from 'node:http';
createServer((_request, response) => response.end('served')).listen(4000, '127.0.0.1');
\`\`\`

\`\`\`ts run
const response = await fetch('http://127.0.0.1:4000/');
if ((await response.text()) !== 'served') throw new Error('not served');
\`\`\`

\`\`\`sh run
greeting='hello from'; greet() { echo "$greeting $1"; }
\`\`\`

\`\`\`sh run
greet http://localhost:4000 && curl --silent http://127.0.0.1:4000
\`\`\`

\`\`\`text output
hello from http://localhost:4000
ser…d
\`\`\`

\`\`\`text output
something else
\`\`\`

\`\`\`sh
npm install && npm start # both
LATCHKEY_LOG_LEVEL=warn npm run no-such-script
curl http://localhost:4000/health/ready \\
  --fail
brew install latchkey
\`\`\`
`;

test('a broken snippet is named by its line', { timeout: 180_000 }, async () => {
  const code = readSnippets('docs/example.md', example);
  await using place = await createWorkspace(code);
  expect(await place.checkTypes()).toEqual([
    expect.stringMatching(/^docs\/example\.md:7: error TS2322: /),
  ]);
  const failures = await runDocument(place, code);
  expect(failures).toEqual([
    expect.stringMatching(/^docs\/example\.md:10 ended with 1: .*not so/s),
    expect.stringMatching(/^docs\/example\.md:39 is not what was printed: hello from .*served/s),
  ]);
});

test('a service that ends instead of listening is named by its line', async () => {
  const code = readSnippets('docs/example.md', '```ts serve\nconsole.log("bye");\n```\n');
  await using place = await createWorkspace(code);
  await expect(runDocument(place, code)).rejects.toThrow(
    'docs/example.md:1 ended before it listened: bye',
  );
});

test('a command that nobody has is named', () => {
  expect(findUnknownCommands(readSnippets('docs/example.md', example))).toEqual([
    'docs/example.md:43 has `npm run no-such-script`',
    'docs/example.md:43 has `brew install latchkey`',
  ]);
});

test('a link to nothing is named', () => {
  expect(findDeadLinks('docs/example.md', example)).toEqual([
    'docs/example.md links to ./nothing.md',
  ]);
});
